"""What a metric must reach: a value, or one that an earlier run had."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Distance = Annotated[float, Field(ge=0)]
_ROUNDING = 1e-9  # 0.97 is 0.01 below 0.98, whatever floats make of it


class Bounds(BaseModel):
    """`at_most_below` and `at_most_above` are distances to the value of the run that this one is
    compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: float | None = None
    at_most: float | None = None
    at_most_below: _Distance | None = None
    at_most_above: _Distance | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "Bounds":
        if not self.model_dump(exclude_none=True):
            raise ValueError("say at_least, at_most, at_most_below or at_most_above")
        return self

    @property
    def relative(self) -> bool:
        """Whether it takes an earlier run to tell."""
        return self.at_most_below is not None or self.at_most_above is not None

    @property
    def lower_is_better(self) -> bool:
        """Whether nothing bounds the metric from below."""
        return self.at_least is None and self.at_most_below is None

    def hold(self, value: float | None, before: float | None = None) -> bool:
        """`before` is the earlier run's. False where a value that is needed is None."""
        if value is None or (self.relative and before is None):
            return False
        least = [self.at_least]
        most = [self.at_most]
        if before is not None:
            least.append(None if self.at_most_below is None else before - self.at_most_below)
            most.append(None if self.at_most_above is None else before + self.at_most_above)
        return all(value >= each - _ROUNDING for each in least if each is not None) and all(
            value <= each + _ROUNDING for each in most if each is not None
        )
