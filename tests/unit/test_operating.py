"""docs/operate.md: its rows and sums are those of the code."""

import re
from pathlib import Path

import pytest

from serve_app import errors
from serve_app.ingress import problems

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
SECTIONS = {section.partition("\n")[0]: section for section in PAGE.read_text().split("\n## ")[1:]}
CONTEXT_GB = 0.5
TORCHS_SHARE = 0.9


def rows(section):
    """The cells of a section's table rows, headings among them."""
    lines = SECTIONS[section].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]


def subclasses(root):
    return [root] + [leaf for child in root.__subclasses__() for leaf in subclasses(child)]


def test_every_error_code_has_a_row_with_its_status():
    written = {
        code: re.findall(r"\b\d{3}\b", status)
        for codes, status, *_ in rows("Errors")
        for code in re.findall(r"`(\w+)`", codes)
    }
    kinds = subclasses(errors.ServiceError)
    for kind in kinds:
        status = problems.problem(kind("")).status_code
        assert kind is errors.Retryable or str(status) in written[kind.code], kind.code
    known = {kind.code for kind in kinds} | set(problems._HTTP_CODES.values())
    assert set(written) == known | {"code"}


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize(
    "row", [row for row in rows("Sizing") if row[0].isdecimal()], ids=lambda row: f"{row[0]} GB"
)
def test_what_the_table_gives_a_card_fits(row):
    """By the section's own formulas."""
    card = float(row[0])
    batch, width, height = numbers(row[1])
    upscaled, upscale_width, upscale_height = numbers(row[2])
    [captions] = numbers(row[3])
    needs = [
        2.9 + 0.58 * batch * width * height / 512**2,
        0.05 + 1.53 * upscaled * upscale_width * upscale_height / 512**2,
        0.35 + 0.09 * captions,
        0.3,
    ]
    fractions = numbers(row[4])
    for need, fraction in zip(needs, fractions, strict=True):
        assert need <= fraction * TORCHS_SHARE * card
    assert float(row[5]) == pytest.approx(sum(fractions))
    assert float(row[6]) <= 1 - CONTEXT_GB * len(fractions) / card
    assert float(row[5]) <= float(row[6])
