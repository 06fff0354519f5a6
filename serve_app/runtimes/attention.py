"""Cross-attention to the text, with padding that suits CPU kernels."""

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import nn

_WHOLE = 16  # floats in an AVX-512 register


class PaddedText(AttnProcessor2_0):
    """Pads the text to a multiple of 16 tokens, and masks the padding.

    The kernels of PyTorch and of OpenVINO for CPUs need twice as long for CLIP's 77 as for 80.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        """As diffusers' own; `encoder_hidden_states` is the text, [n, tokens, features]."""
        if encoder_hidden_states is not None and attention_mask is None:
            lanes, tokens, _ = encoder_hidden_states.shape
            added = -tokens % _WHOLE
            seen = encoder_hidden_states.new_zeros(lanes, 1, tokens)
            attention_mask = nn.functional.pad(seen, (0, added), value=-torch.inf)
            encoder_hidden_states = nn.functional.pad(encoder_hidden_states, (0, 0, 0, added))
        attended: torch.Tensor = super().__call__(
            attn, hidden_states, encoder_hidden_states, attention_mask, *args, **kwargs
        )
        return attended
