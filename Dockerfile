# Starts on a CPU with the demo models and answers on port 8000. torch brings CUDA along, so the same
# image serves a GPU when the container is given one (docker run --gpus all … configs/sd15-gpu.yaml).
FROM python:3.11-slim

WORKDIR /app
COPY requirements.txt requirements-tracing.txt requirements.lock ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-tracing.txt -c requirements.lock

# Others may read the home and its caches, so that the service runs as any user (docker run --user).
RUN useradd --create-home --uid 1000 app && install -d -o app -g app -m 755 /home/app /home/app/.cache
ENV XDG_CACHE_HOME=/home/app/.cache HF_HOME=/home/app/.cache/huggingface

# Root's, so that the service cannot change its own code; compiled here, as it cannot later.
COPY serve_app serve_app
COPY demo/weights demo/weights
COPY configs configs
COPY serve_config.yaml .
RUN python -m compileall -q serve_app

USER app
# Converts the networks, which every new container would else do at its start.
RUN python -m serve_app.jobs.prepare serve_config.yaml
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
# What runs is finished before the end, for which the default of 10 s is short: docker stop -t 150
STOPSIGNAL SIGTERM
# Inside a container loopback cannot be reached from outside, and the port is always 8000.
ENTRYPOINT ["python", "-m", "serve_app", "--host", "0.0.0.0", "--port", "8000"]
CMD ["serve_config.yaml"]
