"""Bodies of `POST /generation`."""

from pydantic import BaseModel, ConfigDict, Field

from serve_app.ingress.schema import TINY_PNG, Base64, Body

IMAGE_FIELD = "input_image_base64"


class ControlNetRequest(Body):
    """`POST /generation`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": 1,
                    "text": "a red circle on a white background",
                    "input_image_base64": TINY_PNG,
                    "random_seed": 7,
                }
            ]
        }
    )

    request_id: int
    text: str
    input_image_base64: Base64
    random_seed: int = Field(description="the same seed gives the same image; taken modulo 2^63")


class ControlNetResponse(BaseModel):
    request_id: int
    output_image_base64: str
    warnings: list[str] | None = Field(
        None,
        exclude_if=lambda warnings: warnings is None,
        description="of unknown fields, where there are some",
    )
