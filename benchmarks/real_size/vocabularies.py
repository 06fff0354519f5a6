"""Tokenizers of CLIP's and BERT's size, their words made up of letters in order."""

import json
from collections.abc import Iterator
from itertools import chain, islice, product
from pathlib import Path
from string import ascii_lowercase

from tokenizers.pre_tokenizers import ByteLevel

CLIP_SIZE = 49_408
BERT_SIZE = 30_522
_END_OF_WORD = "</w>"
_BERT_SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}


def write_clip(folder: Path) -> None:
    """CLIP's files: byte-level BPE, half of the tokens such as end a word."""
    folder.mkdir(parents=True)
    symbols = sorted(ByteLevel.alphabet())
    base = [*symbols, *(symbol + _END_OF_WORD for symbol in symbols)]
    merges = list(islice(_clip_merges(), CLIP_SIZE - len(base) - 2))
    tokens = [*base, *(left + right for left, right in merges), *_CLIP_SPECIAL]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    begin, end = ({"content": each, "normalized": True, "lstrip": False, "rstrip": False,
                   "single_word": False} for each in _CLIP_SPECIAL)  # fmt: skip
    special = {"bos_token": begin, "eos_token": end, "unk_token": end, "pad_token": end["content"]}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2))
    settings = {
        "add_prefix_space": False, "do_lower_case": True, "errors": "replace",
        "model_max_length": 77, "tokenizer_class": "CLIPTokenizer",
        **{name: token if name == "pad_token" else {"__type": "AddedToken"} | token
           for name, token in special.items()},
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def write_bert(folder: Path) -> None:
    """BERT's files: WordPiece, as `microsoft/git-base` has them, without `tokenizer.json`."""
    pieces = chain(
        (f"[unused{index}]" for index in range(99)),
        (chr(code) for code in range(33, 127)),
        (f"##{letter}" for letter in ascii_lowercase),
        ("".join(letters) for count in (2, 3, 4) for letters in _letters(count)),
    )
    tokens = [_BERT_SPECIAL.get(index) or next(pieces) for index in range(BERT_SIZE)]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    settings = {
        "cls_token": "[CLS]", "do_lower_case": True, "mask_token": "[MASK]",
        "model_input_names": ["input_ids", "attention_mask"], "model_max_length": 512,
        "pad_token": "[PAD]", "processor_class": "GitProcessor", "sep_token": "[SEP]",
        "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]",
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


_CLIP_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def _letters(count: int) -> Iterator[tuple[str, ...]]:
    return product(ascii_lowercase, repeat=count)


def _clip_merges() -> Iterator[tuple[str, str]]:
    """Pairs of tokens that are there already; each makes a new one, of two letters to four."""
    for ending in ("", _END_OF_WORD):
        yield from ((a, b + ending) for a, b in _letters(2))
    for ending in ("", _END_OF_WORD):
        yield from ((a + b, c + ending) for a, b, c in _letters(3))
    yield from ((a + b, c + d + _END_OF_WORD) for a, b, c, d in _letters(4))
