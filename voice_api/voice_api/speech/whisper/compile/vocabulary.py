"""The tokens that a language needs: a smaller vocabulary is scored faster and needs less memory."""

import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.config import read_architecture, read_generation
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.tokens import Vocabulary, read_vocabulary

LATIN = "LATIN"
SCRIPTS = {
    **dict.fromkeys(("be", "bg", "kk", "mk", "mn", "ru", "sr", "tg", "tt", "uk", "ba"), ("CYRILLIC",)),
    **dict.fromkeys(("ar", "fa", "ps", "sd", "ur"), ("ARABIC",)),
    **dict.fromkeys(("he", "yi"), ("HEBREW",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("DEVANAGARI",)),
    **dict.fromkeys(("zh", "yue"), ("CJK",)),
    "el": ("GREEK",),
    "hy": ("ARMENIAN",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA"),
    "ka": ("GEORGIAN",),
    "ko": ("HANGUL",),
    "th": ("THAI",),
    **dict.fromkeys(
        ("af", "az", "br", "bs", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fo", "fr"), ()
    ),
    **dict.fromkeys(("gl", "ha", "haw", "hr", "ht", "hu", "id", "is", "it", "jw", "la", "lb", "ln"), ()),
    **dict.fromkeys(("lt", "lv", "mg", "mi", "ms", "mt", "nl", "nn", "no", "oc", "pl", "pt", "ro"), ()),
    **dict.fromkeys(("sk", "sl", "sn", "so", "sq", "su", "sv", "sw", "tk", "tl", "tr", "uz", "vi", "yo"), ()),
}
"""What a language is written in beside Latin letters, which names are written in everywhere."""

LATIN_ONLY_UP_TO = "\u024f"


def kept_tokens(folder: Path, language: str | None) -> NDArray[np.int64] | None:
    """Ids of the tokens to keep, ascending; None for all where no language is given.

    Kept are all special tokens and timestamps, every piece of a character, and all text whose letters
    belong to the scripts of the language. A language that is not known here is refused.
    """
    if language is None:
        return None
    if language not in SCRIPTS:
        known = ", ".join(sorted(SCRIPTS))
        raise ModelFolderError(f"no vocabulary is known for {language!r:.20}", f"use one of: {known}")
    architecture = read_architecture(folder)
    vocabulary = read_vocabulary(folder / "tokenizer.json", architecture.vocab_size)
    read_generation(folder, vocabulary.ids, architecture)
    scripts = (LATIN, *SCRIPTS[language])
    named = np.zeros(architecture.vocab_size, dtype=bool)
    named[list(vocabulary.ids.values())] = True
    written = {token for token in vocabulary.ids.values() if _is_written(vocabulary, token, scripts)}
    return np.array(
        [token for token in range(architecture.vocab_size) if token in written or not named[token]],
        dtype=np.int64,
    )


def _is_written(vocabulary: Vocabulary, token: int, scripts: tuple[str, ...]) -> bool:
    """Whether a token is special, or all its letters are of these scripts; half a character is."""
    if token in vocabulary.special:
        return True
    text = vocabulary.tokenizer.decode([token], skip_special_tokens=False)
    return all(_is_of(letter, scripts) for letter in text if letter.isalpha())


def _is_of(letter: str, scripts: tuple[str, ...]) -> bool:
    if letter <= LATIN_ONLY_UP_TO:
        return True
    return unicodedata.name(letter, "").startswith(scripts)
