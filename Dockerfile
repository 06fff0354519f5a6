# Starts on a CPU with the demo models and answers on port 8000. torch brings CUDA along, so the same
# image serves a GPU when the container is given one (docker run --gpus all … configs/sd15-gpu.yaml).
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 app
WORKDIR /app
COPY requirements.txt requirements.lock ./
RUN pip install --no-cache-dir -r requirements.txt -c requirements.lock

COPY --chown=app:app serve_app serve_app
COPY --chown=app:app configs configs
COPY --chown=app:app serve_config.yaml .
# Inside a container loopback cannot be reached from outside.
RUN sed -i 's/host: 127.0.0.1/host: 0.0.0.0/' serve_config.yaml

USER app
ENV PYTHONPATH=/app \
    HF_HOME=/home/app/.cache/huggingface \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_worker_niceness=0 \
    RAY_SERVE_USE_GRPC_BY_DEFAULT=1 \
    RAY_SERVE_CONTROL_LOOP_INTERVAL_S=0.5 \
    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serve_app.ingress.proxy.middlewares
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["serve", "run"]
CMD ["serve_config.yaml"]
