"""Requests of the protocol, and what is asserted of refusals."""

import json
import struct

from tests.images import in_base64, jpeg

LENGTH = "Inference-Header-Content-Length"


def tensor(name, datatype, data, shape=None, **parameters):
    described = {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}
    return described | ({"parameters": parameters} if parameters else {})


def infer(service, model, *inputs, **fields):
    body = {"inputs": list(inputs)} | fields
    return service.http.post(f"/v2/models/{model}/infer", json=body)


def infer_binary(service, model, header, raw, length=None):
    text = json.dumps(header).encode()
    headers = {LENGTH: str(len(text)) if length is None else length}
    return service.http.post(f"/v2/models/{model}/infer", content=text + raw, headers=headers)


def elements(*data: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in data)


def described(name, datatype, shape, raw: bytes) -> dict:
    parameters = {"binary_data_size": len(raw)}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def assert_refused(response, status):
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    message = response.json()["error"]
    assert isinstance(message, str) and message and "Traceback" not in message


PROMPT = tensor("prompt", "BYTES", ["a red circle"])
IMAGE = tensor("image", "BYTES", [in_base64(jpeg())])
VALUES = tensor("pixel_values", "FP32", [0.5] * 48, [1, 3, 4, 4])
