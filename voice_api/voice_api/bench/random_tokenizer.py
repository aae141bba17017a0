"""A vocabulary like that of the published multilingual Whisper: as many tokens, merges and special names."""

from collections.abc import Iterator
from itertools import islice, product

TEXT_TOKENS = 50_257
_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur "
    "hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si "
    "km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha "
    "ba jw su"
)
LANGUAGES = tuple(_CODES.split())
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
MOMENTS = tuple(f"<|{hundredths / 100:.2f}|>" for hundredths in range(0, 3_001, 2))
VOCABULARY_SIZE = TEXT_TOKENS + len(SPECIAL) + len(MOMENTS)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPACE = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"
"""How a byte-level vocabulary writes a space."""


def special_ids() -> dict[str, int]:
    """The ids of the special names, moments included; they follow the text tokens in Whisper's order."""
    return {name: TEXT_TOKENS + index for index, name in enumerate((*SPECIAL, *MOMENTS))}


def tokenizer_document() -> dict[str, object]:
    """What tokenizer.json says: byte-level pairs merged into words of up to four letters.

    The last text token is empty, as published: by it CTranslate2 knows that a model is multilingual.
    """
    characters = [*byte_characters().values()]
    merges = list(islice(_merges(), TEXT_TOKENS - len(characters) - 1))
    names = [*characters, *("".join(merge) for merge in merges), ""]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [_added(name, number) for name, number in special_ids().items()],
        "pre_tokenizer": level,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {name: index for index, name in enumerate(names)},
            "merges": [list(merge) for merge in merges],
        },
    }


def byte_characters() -> dict[int, str]:
    """The character that stands for each byte in a byte-level vocabulary: itself where it can be printed."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def _merges() -> Iterator[tuple[str, str]]:
    """Every word of two letters, then three, then four, alone and after a space; each from its beginning."""
    yield from ((_SPACE, letter) for letter in _LETTERS)
    for length in (2, 3, 4):
        for start in ("", _SPACE):
            for letters in product(_LETTERS, repeat=length):
                yield start + "".join(letters[:-1]), letters[-1]


def _added(name: str, number: int) -> dict[str, object]:
    settings = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": name, "special": name in SPECIAL, **settings}
