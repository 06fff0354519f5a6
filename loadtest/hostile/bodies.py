"""JSON, Open Inference and multipart bodies with the wrong types, sizes and shapes."""

import base64
import random
import struct

from loadtest.hostile.case import JSON, Case, post
from loadtest.routes import sketch

_SMALL = base64.b64encode(sketch(32)).decode()
# As JSON text, because much of it is none.
_VALUES = (
    "null", "true", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "-Infinity", "1" + "0" * 400,
    "9" * 5000, "18446744073709551616", '""', '"x"', '"1"', '"\\ud800"', '"\\udc00\\ud800"',
    '"\\u0000"', '"a\x00b"', '"' + "x" * 100_000 + '"', '"' + "%" * 100_000 + '"', "[]", "{}",
    "[" * 50 + "]" * 50, "[" * 5000 + "]" * 5000, '{"a":' * 5000, "[" + "[]," * 50_000 + "[]]",
    "[" + "1," * 50_000 + "1]", "[null]", '{"__proto__": {}}', '"../../etc/passwd"', "'x'", "",
    '"\udcff"', f'"{_SMALL}"', f'"data:image/png;base64,{_SMALL}"', '"AAAA"',
    '"' + " \\n" * 9999 + '"',
)  # fmt: skip
_FIELDS = (
    "prompt", "model", "n", "size", "response_format", "output_format", "output_compression",
    "stream", "partial_images", "user", "negative_prompt", "num_inference_steps", "sampler",
    "guidance_scale", "guidance_rescale", "seed", "strength", "control_image", "priority",
    "controlnet_conditioning_scale", "canny_low_threshold", "upscale", "caption", "deadline_ms",
)  # fmt: skip
_LARGE = 8_000_000  # bytes of a body
_BOUNDARY = "----x7MA4YWxkTrZu0gW"


def json_body(rng: random.Random) -> Case:
    """Of a generation, or of a single stage."""
    path = rng.choice(("/v1/images/generations",) * 3 + ("/generation", "/v1/captions"))
    if path == "/generation":
        fields = {"request_id": "1", "text": '"a"', "input_image_base64": '"AAAA"',
                  "random_seed": "1"}  # fmt: skip
    elif path == "/v1/captions":
        fields = {"image": f'"{_SMALL}"'}
    else:
        fields = {"prompt": '"a star"', "num_inference_steps": "1", "size": '"64x64"'}
    for _ in range(rng.randint(0, 2)):
        names = list(fields) if path != "/v1/images/generations" else _FIELDS
        fields[rng.choice(names)] = rng.choice(_VALUES)
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"
    text = rng.choice((
        text, text, text, text, text[: rng.randrange(len(text))], text + "x", "[" + text + "]",
        text[:-1] + ', "prompt": 3, "prompt": "a"}', rng.choice(_VALUES), "\ufeff" + text,
    ))  # fmt: skip
    body = text.encode("utf-8", "surrogateescape")
    if rng.random() < 0.05:
        body = text.encode("utf-16", "replace")
    kinds = (JSON,) * 5 + (f"{JSON}; charset=latin-1", "application/x+json", "text/plain", "a/b/c")
    return post("json", path, body, rng.choice(kinds))


def inference(rng: random.Random) -> Case:
    """Open Inference: shapes, data, sizes of binary data, lengths of the header."""
    model, inputs = rng.choice((
        ("caption", [("image", "BYTES", "[1]", f'["{_SMALL}"]')]),
        ("upscale", [("image", "BYTES", "[1]", f'["{_SMALL}"]'), ("scale", "INT32", "[1]", "[2]")]),
        ("classifier", [("pixel_values", "FP32", "[1, 3, 2, 2]", "[" + "0.5," * 11 + "0.5]")]),
        ("text_to_image", [("prompt", "BYTES", "[1]", '["a"]'),
                           ("num_inference_steps", "INT32", "[1]", "[1]")]),
        ("no/such", []),
    ))  # fmt: skip
    raw, tensors = b"", []
    for name, datatype, shape, data in inputs:
        if rng.random() < 0.25:
            shape = rng.choice((*_VALUES, "[0]", "[-1]", "[33]", "[1000000000000]", "[1.0]",
                                "[" + "1," * 99 + "1]", '["1"]'))  # fmt: skip
        if rng.random() < 0.15:
            datatype = rng.choice(("FP64", "", "BOOL", "BYTES", "INT64"))
        content = f'"data": {rng.choice(_VALUES) if rng.random() < 0.25 else data}'
        if rng.random() < 0.25:
            element = rng.randbytes(rng.choice((0, 3, 4, 100)))
            said = rng.choice((len(element), 4, 2**32 - 1, 0))
            element = struct.pack("<I", said) + element
            raw += element
            size = rng.choice((str(len(element)), "0", "-1", "1" + "0" * 30, '"4"', "4", "null"))
            content = f'"parameters": {{"binary_data_size": {size}}}'
        tensors.append(
            f'{{"name": "{name}", "datatype": "{datatype}", "shape": {shape}, {content}}}'
        )
    outputs = rng.choice(("", "", ', "outputs": [{"name": "x"}]', ', "outputs": 3', ', "id": 3'))
    tensors *= rng.choice((1, 1, 1, 2, 50))
    header = f'{{"inputs": [{", ".join(tensors)}]{outputs}}}'.encode("utf-8", "surrogateescape")
    exact = str(len(header))
    length = rng.choice((exact, exact, exact, "0", "-1", "1", "9" * 30, "x", str(len(header) + 1)))
    lines = [f"Inference-Header-Content-Length: {length}"] if raw or rng.random() < 0.3 else []
    return post("inference", f"/v2/models/{model}/infer", header + raw, None, *lines)


def multipart(rng: random.Random) -> Case:
    """A form with missing, wrong, many or broken parts."""
    parts = [
        _part("image", rng.choice((sketch(32), sketch(32)[:200], b"", b"x" * 1000)), "a.jpg"),
        _part("prompt", rng.choice((b"a star", b"\xff\xfe", b"", b"x" * 10_000))),
        _part("num_inference_steps", rng.choice((b"1", b"1", b"1.5", b"9" * 5000, b"one"))),
        _part("size", rng.choice((b"64x64", b"64x64", b"0x0", b"9" * 99 + b"x8"))),
    ]
    for _ in range(rng.randint(0, 3)):
        name = rng.choice((*_FIELDS, "image", "mask", "x" * 5000, 'a"b', ""))
        if name not in ("num_inference_steps", "deadline_ms"):
            value = rng.choice(_VALUES).encode("utf-8", "surrogateescape")
            parts.append(_part(name, value, rng.choice((None, None, "f"))))
    change = rng.randrange(8)
    if change == 0:
        parts *= min(rng.choice((100, 20_000)), _LARGE // sum(map(len, parts)))
    elif change == 1:
        parts.append(b"X: y\r\n" * rng.choice((10, 100_000)) + _part("user", b"x"))
    elif change == 2:
        parts.append(
            rng.choice((b"", b"\r\n\r\n", b"no header", b"Content-Disposition: x\r\n\r\ny"))
        )
    elif change == 3:
        parts = rng.sample(parts, rng.randrange(len(parts)))
    elif change == 4:
        parts.append(_part("user", rng.choice((b"\r", b"\r\n-", b"\r\n--")) * 100_000))
    between = f"--{_BOUNDARY}".encode()
    body = b"".join(between + b"\r\n" + part + b"\r\n" for part in parts)
    body += rng.choice((between + b"--\r\n",) * 5 + (between, b"", between + b"--\r\n" + b"x" * 99))
    if rng.random() < 0.1:
        body = body[: rng.randrange(len(body))]
    boundary = rng.choice(
        (_BOUNDARY,) * 8 + ("", "other", "b" * 5000, '"' + _BOUNDARY + '"', "\xff")
    )
    path = rng.choice(("/v1/images/edits",) * 4 + ("/v1/captions", "/caption"))
    return post("multipart", path, body, f"multipart/form-data; boundary={boundary}")


def _part(name: str, data: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data
