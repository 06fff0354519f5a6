"""Posts a job's end to its client's URL, signed by the Standard Webhooks specification.

https://github.com/standard-webhooks/standard-webhooks: the headers `webhook-id`,
`webhook-timestamp` and `webhook-signature`, which is `v1,` and the HMAC-SHA256 of
`{id}.{timestamp}.{body}` in base64.
"""

import asyncio
import hmac
import http.client
import json
import logging
import os
import socket
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.schema import JobReport
from serve_app.observability import log_event

_PAUSES_S = (1.0, 5.0, 30.0, 120.0, 600.0)
_TIMEOUT_S = 10.0
_AT_ONCE = 4  # each holds a thread
_SHORTEST_SECRET = 24  # bytes, by the specification


def read_secret(variable: str) -> bytes:
    """A secret in base64, with or without the prefix `whsec_`. Raises ValueError for another."""
    text = os.environ.get(variable, "").removeprefix("whsec_")
    try:
        secret = b64decode(text, validate=True)
    except ValueError:
        secret = b""
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"jobs: {variable} holds no {_SHORTEST_SECRET} bytes in base64")
    return secret


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, "sha256")).decode()


class Webhooks:
    """Tries again after each of `pauses`, in seconds, where a try may succeed later."""

    def __init__(
        self, hosts: AllowedHosts, secret: bytes, pauses: Sequence[float] = _PAUSES_S
    ) -> None:
        self._hosts = hosts
        self._secret = secret
        self._pauses = pauses
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def post(self, url: str, report: JobReport) -> None:
        """Post `{"type": "job.STATUS", "timestamp", "data": the job}`. Never raises: it logs."""
        event = {
            "type": f"job.{report.status}",
            "timestamp": datetime.now(UTC).isoformat(),
            "data": report.model_dump(mode="json"),
        }
        body = json.dumps(event).encode()
        for pause in (*self._pauses, None):
            try:
                async with self._places:
                    status = await asyncio.to_thread(self._send, url, report.id, body)
                outcome, final = str(status), not _may_succeed_later(status)
            except (OSError, http.client.HTTPException) as error:
                outcome, final = type(error).__name__, False
            except Exception:
                log_event("webhook failed", logging.ERROR, job=report.id)
                return
            log_event("webhook", job=report.id, outcome=outcome)
            if final or pause is None:
                return
            await asyncio.sleep(pause)

    def _send(self, url: str, job_id: str, body: bytes) -> int:
        """The status of the answer; redirects are not followed."""
        parts = self._hosts.check(url)
        timestamp = int(time.time())
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "webhook-id": job_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._secret, job_id, timestamp, body),
        }
        address, port = self._hosts.address_of(parts)
        connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT_S)
        try:
            # Connected here, to the address that was checked.
            connection.sock = socket.create_connection((address, port), _TIMEOUT_S)
            if parts.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(
                    connection.sock, server_hostname=parts.hostname
                )
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def _may_succeed_later(status: int) -> bool:
    return status >= 500 or status in (408, 429)
