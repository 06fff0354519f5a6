"""A stage of a job without a model, for tests of what is around it."""

import os

from serve_app.errors import InvalidImage


class Naming:
    """Notes what a row is called; some names do harm."""

    def __init__(self, settings, gpu_share):
        if settings.get("broken"):
            raise ValueError("no such\nmodel")
        self.hopeless = False

    def check(self):
        if self.hopeless:
            raise RuntimeError("the device is lost")

    async def process(self, row):
        if row["name"] == "deadly":
            os._exit(1)
        if row["name"] == "invalid":
            raise InvalidImage("truncated")
        if row["name"] in ("odd", "lost"):
            self.hopeless = row["name"] == "lost"
            raise KeyError("odd")
        return {"called": row["name"]}


def rows_of(*names):
    return [{"key": f"{n}.png", "name": n, "image": None, "settings": "s"} for n in names]
