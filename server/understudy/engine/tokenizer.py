"""The model's own BPE: 1,024 byte-level pieces with every digit by itself, so that numbers stay legible to it.

A token is a piece of bytes, not of text: a reply is joined as bytes and may be cut inside a UTF-8 character,
as it may on the wire.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from understudy.errors import EngineError

PAD, BEGIN, ANSWER, END = 0, 1, 2, 3
"""Ids of the special tokens: padding, start of a prompt, start of the reply, end of the reply."""
SPECIALS = ("<pad>", "<begin>", "<answer>", "<end>")
VOCABULARY = 1024


class Tokenizer:
    """Text to ids and ids back to bytes."""

    def __init__(self, path: Path) -> None:
        try:
            from tokenizers import Tokenizer as Backend
        except ModuleNotFoundError:
            raise EngineError(
                "the embedded engine needs tokenizers: pip install 'understudy[engine]'"
            ) from None
        try:
            self._backend: Any = Backend.from_file(str(path))
        except Exception as error:
            raise EngineError(f"{path} is not a tokenizer: {error}; install understudy again") from None
        letters = _letters()
        self.pieces: list[bytes] = [b""] * self._backend.get_vocab_size()
        """Id -> the bytes it stands for; empty for the special tokens."""
        for piece, i in self._backend.get_vocab().items():
            if piece not in SPECIALS:
                self.pieces[i] = bytes(letters[c] for c in piece)

    def encode(self, prompt: str) -> list[int]:
        """The ids the model starts from: begin, the prompt's pieces, answer."""
        return [BEGIN, *self._backend.encode(prompt, add_special_tokens=False).ids, ANSWER]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Pieces of many texts, without the special tokens, on all cores."""
        return [e.ids for e in self._backend.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes of a reply."""
        return b"".join(self.pieces[i] for i in ids)


def _letters() -> dict[str, int]:
    """GPT-2's byte-level alphabet: printable letter -> byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in printable}
    extra = 0
    for byte in range(256):
        if byte not in printable:
            table[chr(256 + extra)] = byte
            extra += 1
    return table


def fit(texts: Iterable[str], path: Path, vocabulary: int = VOCABULARY) -> None:
    """Train the BPE on texts and write it to path (tokenizer.json)."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.save(str(path))
