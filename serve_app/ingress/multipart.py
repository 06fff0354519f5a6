"""A multipart form (RFC 7578), whose body is in memory already: it is split, not parsed by bytes.

Starlette's parser walks through header lines and line ends in Python on the event loop, and writes
what it finds to temporary files.
"""

from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from serve_app.errors import InvalidRequest

MAX_PARTS = 200
_MAX_HEADER_BYTES = 8192
_MAX_BOUNDARY_BYTES = 70  # RFC 2046


@dataclass(frozen=True)
class Part:
    """A field of a form; what came with a file name is a file."""

    name: str
    data: bytes
    is_file: bool


def read_form(body: bytes, content_type: str) -> list[Part]:
    """The parts in their order. Raises InvalidRequest for a malformed body, or too many parts."""
    boundary = parse_options_header(content_type[:_MAX_HEADER_BYTES])[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise InvalidRequest("the multipart body has no boundary")
    # Every delimiter begins a line, the first one perhaps the body.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise InvalidRequest(f"the form has more than {MAX_PARTS} parts, which no request needs")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise InvalidRequest("the multipart body is malformed")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    # Spaces may stand behind the boundary; a part without headers has no name.
    begin = piece.find(b"\r\n")
    end = piece.find(b"\r\n\r\n", begin, begin + _MAX_HEADER_BYTES)
    if begin < 0 or end < 0 or piece[:begin].strip(b" \t"):
        raise InvalidRequest("the multipart body is malformed")
    for line in piece[begin + 2 : end].split(b"\r\n"):
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"content-disposition":
            options = parse_options_header(value.strip())[1]
            if b"name" in options:
                name = options[b"name"].decode(errors="replace")
                return Part(name, piece[end + 4 :], b"filename" in options)
    raise InvalidRequest("a part of the multipart body has no name")
