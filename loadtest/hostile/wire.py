"""Sends a case over a socket of its own, and reads what comes back."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass

from loadtest.hostile.case import Case

_PATIENCE_S = 2.0  # with what is no HTTP, and may rightly be left without an answer


@dataclass(frozen=True)
class Answer:
    """What came back; the status is 0 where nothing did."""

    status: int
    kind: str  # the Content-Type
    body: bytes
    seconds: float
    is_late: bool = False


async def send(host: str, port: int, case: Case, limit_s: float) -> Answer:
    """Raises nothing that the service or the network could cause."""
    began = time.perf_counter()
    limit_s = limit_s if case.is_http else min(limit_s, _PATIENCE_S)
    received, is_late = bytearray(), False
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                sending = asyncio.create_task(_write(writer, case))
                try:
                    while piece := await reader.read(1 << 16):
                        received += piece
                finally:
                    sending.cancel()
            finally:
                writer.close()
    except TimeoutError:
        is_late = True
    except OSError:
        pass
    seconds = time.perf_counter() - began
    status, kind, body = parsed(bytes(received))
    return Answer(status, kind, body, seconds, is_late and case.is_http)


async def _write(writer: asyncio.StreamWriter, case: Case) -> None:
    with contextlib.suppress(OSError):
        writer.write(case.wire)
        await writer.drain()
        for _ in range(case.repeats):
            writer.write(case.tail)
            await writer.drain()


def parsed(data: bytes) -> tuple[int, str, bytes]:
    """Status, Content-Type and body of an answer's bytes; a 100 (Continue) is passed over."""
    start, _, rest = data.partition(b"\r\n\r\n")
    lines = start.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        return 0, "", b""
    if words[1] == "100":
        return parsed(rest)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    if "chunked" in headers.get("transfer-encoding", ""):
        rest = _joined(rest)
    return int(words[1]), headers.get("content-type", ""), rest


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size or b"0", 16)
        body += chunks[:length]
        chunks = chunks[length + 2 :]
    return body


def fault_of(case: Case, answer: Answer) -> str | None:
    """What is wrong with an answer, in a word or two; None where nothing is."""
    if answer.is_late:
        return "no end within the limit"
    if answer.status >= 500:
        return f"status {answer.status}"
    if not answer.status:
        # Where the connection closes on a body that is still being sent, the answer may be lost.
        return "no answer" if case.is_http and not case.repeats else None
    if answer.status < 400:
        return "an error in a stream" if b'"server_error"' in answer.body else None
    is_ours = case.is_http or "json" in answer.kind
    return "not the contract's error" if is_ours and not _is_error(case, answer) else None


def _is_error(case: Case, answer: Answer) -> bool:
    try:
        (error,) = json.loads(answer.body).values()
    except (ValueError, AttributeError):
        return False
    if f"{case.path}/".startswith("/v2/"):
        return isinstance(error, str)
    return isinstance(error, dict) and set(error) == {"message", "type", "param", "code"}
