"""GIT's greedy decoding as two graphs without Python control flow, so that ONNX and compilers
accept them.

In GIT the image's tokens attend to each other and never to the text (Wang et al. 2022,
https://arxiv.org/abs/2205.14100, figure 2), so their keys and values are computed once; each word
then attends to them and to the words before it.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from transformers import GitConfig


class ImageEncoding(nn.Module):
    """Pixels float [n, 3, H, W] to each layer's keys and values [n, heads, image tokens, width]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        if model.config.num_image_with_embedding:
            raise ValueError("a GIT model for video is captioned by the eager backend only")
        self.git = model.git

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen = self.git.image_encoder(pixel_values).last_hidden_state
        hidden = self.git.visual_projection(seen)
        *layers, last = self.git.encoder.layer
        kept = []
        for layer in layers:
            kept.append(_keys_and_values(layer, hidden))
            attended = _attend(_heads(layer, "query", hidden), [kept[-1]])
            hidden = layer.feed_forward_chunk(layer.attention.output(attended, hidden))
        # The last layer's outputs for the image's tokens are never used.
        return tuple(chain(*kept, _keys_and_values(last, hidden)))


class NextWord(nn.Module):
    """One decoding step: the last word of each caption, int64 [n], to the next word, [n]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.git, self.output = model.git, model.output

    def forward(
        self, word: torch.Tensor, position: torch.Tensor, *kept: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """`position` is int64 [1]. `kept` is the KV cache: the image's keys and values as
        `ImageEncoding` returns them, then those of the words so far, which are returned with this
        word's appended.

        One tensor per layer: splitting a single one would copy it for each word, which takes longer
        than the word.
        """
        pairs = list(zip(kept[::2], kept[1::2], strict=True))
        image, text = pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]
        hidden = self.git.embeddings(input_ids=word[:, None], position_ids=position[None])
        added = []
        for layer, seen, said in zip(self.git.encoder.layer, image, text, strict=True):
            new = _keys_and_values(layer, hidden)
            added.append([torch.cat(two, dim=2) for two in zip(said, new, strict=True)])
            attended = _attend(_heads(layer, "query", hidden), [seen, added[-1]])
            hidden = layer.feed_forward_chunk(layer.attention.output(attended, hidden))
        return self.output(hidden[:, -1]).argmax(-1), *chain(*added)


class GreedyDecoding:
    """The decoding loop around the two graphs, whichever backend runs them."""

    def __init__(
        self,
        encode_image: Callable[..., Any],
        next_word: Callable[..., Any],
        config: GitConfig,
        max_new_tokens: int,
    ) -> None:
        """Both callables take and return tensors as the modules above do."""
        self._encode_image, self._next_word = encode_image, next_word
        self._bos, self._eos = int(config.bos_token_id or 0), config.eos_token_id
        self._words = min(max_new_tokens, config.max_position_embeddings - 1)

    def __call__(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Token ids, int64 [n, at most 1 + max_new_tokens], as `generate` would choose them.

        Tokens after the end of a sentence are to be ignored.
        """
        image = self._encode_image(pixel_values)
        text = [each[..., :0, :] for each in image]
        words = [torch.full((len(pixel_values),), self._bos, device=pixel_values.device)]
        ended = torch.zeros_like(words[0], dtype=torch.bool)
        while len(words) <= self._words and not ended.all():
            position = torch.tensor([len(words) - 1], device=pixel_values.device)
            word, *text = self._next_word(words[-1], position, *image, *text)
            words.append(word.masked_fill(ended, self._eos))
            ended |= word == self._eos
        return torch.stack(words, dim=1)


def _heads(layer: Any, what: str, hidden: torch.Tensor) -> torch.Tensor:
    """A projection [n, heads, tokens, width] of [n, tokens, features]."""
    attention = layer.attention.self
    projected: torch.Tensor = getattr(attention, what)(hidden)
    return projected.unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)


def _keys_and_values(layer: Any, hidden: torch.Tensor) -> list[torch.Tensor]:
    return [_heads(layer, what, hidden) for what in ("key", "value")]


def _attend(queries: torch.Tensor, kept: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
    """Attention over several KV caches without concatenating them."""
    scores = torch.cat([queries @ keys.transpose(-1, -2) for keys, _ in kept], dim=-1)
    shares = (scores / queries.shape[-1] ** 0.5).softmax(-1)
    parts = shares.split([keys.shape[-2] for keys, _ in kept], dim=-1)
    attended = sum(share @ values for share, (_, values) in zip(parts, kept, strict=True))
    return attended.transpose(1, 2).flatten(2)
