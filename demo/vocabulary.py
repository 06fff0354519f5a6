"""The demo's two tokenizers, built from the words of its world."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import BertTokenizer, CLIPTokenizer

from demo.outlines import KINDS
from demo.shapes import COLORS

CAPTION_WORDS = ("a", "an", "and", "on", "background", "striped", ",", *COLORS, *KINDS)
# What people write around the words that matter; training teaches that it changes nothing.
_FILLER = """
    the of with in two three one please draw me picture photo image painting drawing sketch shape
    shapes some colour color simple flat clean beautiful nice small big large high quality
    detailed best masterpiece cartoon illustration style art to is there showing next left right top
"""
FILLER_WORDS = _FILLER.split()


@cache
def prompt_tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE, 77 tokens: a token for each of our words, letters for all others."""
    merges = _merges([word for word in CAPTION_WORDS if word != ","] + FILLER_WORDS)
    alphabet = sorted(ByteLevel.alphabet())
    tokens = ["<|startoftext|>", "<|endoftext|>", *alphabet, *(a + "</w>" for a in alphabet)]
    tokens += map("".join, merges)
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges that make one token of each word, the most frequent pair first.

    `tokenizers` can train this too, but breaks ties by chance.
    """
    pieces = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while pairs := Counter(pair for word in pieces for pair in pairwise(word)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        pieces = [_merge(word, best) for word in pieces]
    return merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


@cache
def caption_tokenizer() -> BertTokenizer:
    """Whole words; [CLS] begins a caption and [SEP] ends it, as in the published GIT models."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CAPTION_WORDS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(tokens))
        return BertTokenizer(vocab=str(path), model_max_length=64)
