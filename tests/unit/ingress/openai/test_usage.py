"""Tokens: of prompts as they are read, of pictures by their pixels."""

import numpy as np

from serve_app.ingress.openai.usage import InputTokens, Usage, usage_of
from serve_app.pipeline import Composition, Finished
from tests.pipelines import CONTROL, REQUEST


def made(width, height):
    return Finished(np.zeros((height, width, 3), np.uint8), 1, None, [], prompt_tokens=5)


def test_text_alone():
    usage = usage_of([made(128, 64), made(128, 64)], REQUEST, Composition())
    details = InputTokens(text_tokens=10, image_tokens=0)
    assert usage == Usage(
        input_tokens=10, input_tokens_details=details, output_tokens=16, total_tokens=26
    )


def test_a_control_image_counts_as_generated_and_the_answer_as_sent():
    usage = usage_of([made(512, 256)], REQUEST, Composition(CONTROL, 4, resize=(1024, 512)))
    read = REQUEST.width * REQUEST.height // 1024
    assert usage.input_tokens_details.image_tokens == read
    assert usage.output_tokens == 512 and usage.total_tokens == 512 + 5 + read
