"""Numbers and versions as they are said and misheard, where only such a one can stand."""

import re
from itertools import pairwise

from rapidfuzz.distance import OSA

from voice_api.commands.normalise import TENS, UNITS

# Only where a number is meant: elsewhere "to" and "for" are words like any other.
HOMOPHONES = {
    "to": "two", "too": "two", "for": "four", "fore": "four", "ate": "eight", "won": "one", "tree": "three",
    "free": "three", "sicks": "six", "tin": "ten", "fife": "five", "oh": "zero", "o": "zero", "nil": "zero",
    "none": "zero", "niner": "nine", "sex": "six", "heaven": "seven",
}  # fmt: skip
WHOLE = {"a dozen": 12, "one dozen": 12, "half a dozen": 6, "a couple": 2, "a couple of": 2, "a pair": 2,
         "a hundred": 100, "a": 1, "another": 1, "a single": 1}  # fmt: skip
MOST_DIGITS = 7
LEAD = 2
VERSION_WORDS = {"point": ".", "dot": ".", "dash": "-", "minus": "-", "hyphen": "-", "underscore": "_"}
NUMBER_WORDS = frozenset({*UNITS, *TENS, *VERSION_WORDS, "hundred", "thousand", "dozen", "couple"})


def quantity(words: str) -> int | None:
    """The number that `words` are, all of them; None where they are none, or could be two.

    "two hundred and fifty" is 250; "two five" is nothing, for it may be 25, or 5 misheard.
    """
    if words == "o":
        return None  # zero among the digits of a version; alone, a letter of something else
    if words in WHOLE:
        return WHOLE[words]
    tokens = [HOMOPHONES.get(word, word) for word in words.split()]
    if len(tokens) == 1 and re.fullmatch(rf"\d{{1,{MOST_DIGITS}}}", tokens[0]):
        return int(tokens[0])
    return _thousands(tokens)


def _thousands(tokens: list[str]) -> int | None:
    if tokens.count("thousand") > 1:
        return None
    if "thousand" in tokens:
        at = tokens.index("thousand")
        many, rest = _hundreds(tokens[:at]), _rest(tokens[at + 1 :])
        return None if many is None or rest is None or not 0 < many < 1000 else many * 1000 + rest
    return _hundreds(tokens)


def _hundreds(tokens: list[str]) -> int | None:
    if tokens.count("hundred") > 1:
        return None
    if "hundred" in tokens:
        at = tokens.index("hundred")
        many, rest = _below_hundred(tokens[:at]), _rest(tokens[at + 1 :])
        return None if many is None or rest is None or not 0 < many < 10 or rest > 99 else many * 100 + rest
    return _below_hundred(tokens)


def _rest(tokens: list[str]) -> int | None:
    """What follows "hundred" or "thousand": nothing, or a number with or without "and"."""
    if not tokens:
        return 0
    rest = _hundreds(tokens[1:] if tokens[0] == "and" else tokens)
    return rest or None


def _below_hundred(tokens: list[str]) -> int | None:
    match tokens:
        case [one]:
            return UNITS.get(one, TENS.get(one, int(one) if one.isdigit() and len(one) < 3 else None))
        case [ten, one] if ten in TENS and 0 < UNITS.get(one, 0) < 10:
            return TENS[ten] + UNITS[one]
        case _:
            return None


def version(words: str) -> str | None:
    """A version as it is said: "one point twenty five" is 1.25; None where it is none.

    Numbers that stand beside each other are parts of it: "1 25" is how "1.25" reaches us without its dot.
    """
    text, part = "", False
    for token in _joined_tens(words.split()):
        mark = VERSION_WORDS.get(token)
        if mark:
            text, part = text + mark, False
            continue
        value = UNITS.get(HOMOPHONES.get(token, token))
        written = token if value is None else str(value)
        text += ("." if part and written.isdigit() else "") + written
        part = written[-1].isdigit()
    known = re.fullmatch(r"v?\d+([._-](\d+|(rc|alpha|beta|build|r)\d*))*", text) or text in {
        "latest",
        "stable",
    }
    return text if known else None


def mended(words: str) -> str | None:
    """`words` with one that was misheard as the only number word near to it, or two that are one joined.

    None where nothing is to be mended, or another number is nearly as near: "nive" may be five or nine.
    """
    tokens = words.split()
    for at, (one, other) in enumerate(pairwise(tokens)):
        if one + other in NUMBER_WORDS:
            return " ".join([*tokens[:at], one + other, *tokens[at + 2 :]])
    unknown = [at for at, token in enumerate(tokens) if not _known(token)]
    nearest = _nearest(tokens[unknown[0]]) if len(unknown) == 1 else None
    return nearest and " ".join([*tokens[: unknown[0]], nearest, *tokens[unknown[0] + 1 :]])


def _known(token: str) -> bool:
    return token in NUMBER_WORDS or token in HOMOPHONES or token.isdigit() or token in {"a", "and", "of", "v"}


def _nearest(token: str) -> str | None:
    distances = sorted((OSA.distance(token, word), word) for word in NUMBER_WORDS)
    (distance, word), (next_distance, _) = distances[:2]
    sure = distance == 1 and next_distance > LEAD
    return word if sure else None


def _joined_tens(tokens: list[str]) -> list[str]:
    """ "twenty five" as "25", so that a version has it as one part."""
    joined: list[str] = []
    for token in tokens:
        before = TENS.get(joined[-1]) if joined else None
        if before is not None and 0 < UNITS.get(token, 0) < 10:
            joined[-1] = str(before + UNITS[token])
        else:
            joined.append(token)
    return [str(TENS.get(token, token)) for token in joined]
