"""Numbers and versions as they are said and misheard, where only such a one can stand."""

import re

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
VERSION_WORDS = {"point": ".", "dot": ".", "dash": "-", "minus": "-", "hyphen": "-", "underscore": "_"}


def quantity(words: str) -> int | None:
    """The number that `words` are, all of them; None where they are none, or could be two.

    "two hundred and fifty" is 250; "two five" is nothing, for it may be 25, or 5 misheard.
    """
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
