"""Bodies of `POST /generation`."""

from pydantic import BaseModel, ConfigDict, Field

from serve_app.ingress.described import TINY_PNG
from serve_app.ingress.schema import Base64, Body

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
                },
                {
                    "request_id": 2,
                    "text": "a blue circle",
                    "input_image_base64": f"data:image/png;base64,{TINY_PNG}",
                    "random_seed": -1,
                },
            ]
        }
    )

    request_id: int = Field(description="comes back in the answer")
    text: str = Field(description="what the image is to show")
    input_image_base64: Base64
    random_seed: int = Field(description="the same seed gives the same image; taken modulo 2^63")


class ControlNetResponse(BaseModel):
    request_id: int = Field(description="the request's")
    output_image_base64: str = Field(description="an RGB PNG")
    warnings: list[str] | None = Field(
        None,
        exclude_if=lambda warnings: warnings is None,
        description="of unknown fields, where there are some",
    )
