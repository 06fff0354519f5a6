"""The command line's options."""

from serve_app.client import arguments
from tests.unit.client.command_line import GENERATE


def test_every_option_of_a_generation_can_be_given():
    given = vars(arguments.parse(list(GENERATE)))
    fixed = {"user", "output_format"}  # the output file's ending names the format
    assert set(arguments.Options.__annotations__) - set(given) == fixed
