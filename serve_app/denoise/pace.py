"""How far the host may run ahead of a GPU."""

import torch


class Pace:
    """One step: the GPU stays busy, and step times measured on the host match the GPU's."""

    def __init__(self, device: torch.device) -> None:
        self._waits = device.type == "cuda"
        self._last: torch.cuda.Event | None = None

    def keep(self) -> None:
        """After a step's work was handed over: wait until that of the one before is done."""
        if not self._waits:
            return
        before, self._last = self._last, torch.cuda.Event()
        self._last.record()
        if before is not None:
            before.synchronize()
