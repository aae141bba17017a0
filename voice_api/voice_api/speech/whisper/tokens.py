"""Tokens and text: the vocabulary of a model folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.errors import ModelFolderError

TAKE_TOKENIZER = "take tokenizer.json from the same model as config.json"


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """tokenizer.json; ids holds every token by its name, special ones too.

    A vocabulary equals only itself, so that what is made of it can be kept.
    """

    path: Path
    tokenizer: Tokenizer
    ids: Mapping[str, int]
    special: frozenset[int]

    def require(self, *tokens: int) -> None:
        for token in tokens:
            if self.tokenizer.id_to_token(token) is None:
                raise ModelFolderError(
                    f"{self.path} has no token {token}, which starts or ends a text", TAKE_TOKENIZER
                )

    def text(self, tokens: Sequence[int], generation: Generation) -> str:
        """The words of tokens, without special tokens and timestamps."""
        first = generation.first_timestamp
        words = [token for token in tokens if token not in self.special and (first is None or token < first)]
        return self.tokenizer.decode(words, skip_special_tokens=True)


def read_vocabulary(path: Path, vocab_size: int) -> Vocabulary:
    """Read tokenizer.json; it must not know more tokens than the model has."""
    if not path.is_file():
        raise ModelFolderError(f"{path} is missing", TAKE_TOKENIZER)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise ModelFolderError(f"{path} cannot be read: {error!s:.120}", TAKE_TOKENIZER) from error
    ids = tokenizer.get_vocab(with_added_tokens=True)
    if not ids or max(ids.values()) >= vocab_size:
        raise ModelFolderError(f"{path} has {len(ids)} tokens, config.json says {vocab_size}", TAKE_TOKENIZER)
    added = tokenizer.get_added_tokens_decoder().items()
    return Vocabulary(path, tokenizer, ids, frozenset(id_ for id_, token in added if token.special))
