"""How the name of something live may be said and written down: "ingest-01" is "ingest zero one"."""

import re
from functools import lru_cache
from itertools import islice, product

MOST_FORMS = 24
"""Of one name; one with many numbers could be said in very many ways."""

LONGEST_NUMBER = 4
"""Digits of a number that anybody says; longer ones, and hexadecimal ones, tell machines apart."""

UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
POD = re.compile(r"(?<=.)-(?:[0-9a-f]{6,10}-)?(?=[a-z0-9]*\d)[a-z0-9]{5}$")
"""What the cluster adds to the name of a pod."""


@lru_cache(maxsize=4096)
def spoken_forms(name: str) -> tuple[str, ...]:
    """The ways to say or write a name, without the part of it that a cluster made up.

    As it is and in lower case; and its words apart, with every number in digits, as a number's words, and
    digit by digit. At most MOST_FORMS; none for a name without letters and digits.
    """
    short = POD.sub("", name.strip())
    parts = re.findall(r"[^\W\d_]+|\d+", short)
    if not parts:
        return ()
    ways = [_ways(part) for part in parts]
    apart = (" ".join(words) for words in product(*ways))
    lower = (" ".join(words) for words in product(*([word.lower() for word in way] for way in ways)))
    return tuple(dict.fromkeys(islice((short, short.lower(), *lower, *apart), MOST_FORMS)))


def _ways(part: str) -> list[str]:
    """A word as it is; a number as words, as digits, and digit by digit."""
    if not part.isdecimal() or len(part) > LONGEST_NUMBER:
        return [part]
    one_by_one = " ".join(UNITS[int(digit)] for digit in part)
    whole = [_number_words(int(part))] if part == str(int(part)) and len(part) < LONGEST_NUMBER else []
    return list(dict.fromkeys([*whole, one_by_one, part, str(int(part)), _number_words(int(part) % 1000)]))


def _number_words(number: int) -> str:
    """Words of 0 to 999: "forty two", "two hundred and fifty"."""
    if number >= 100:
        rest = number % 100
        return f"{UNITS[number // 100]} hundred" + (f" and {_number_words(rest)}" if rest else "")
    if number < 20:
        return UNITS[number]
    return " ".join(word for word in (TENS[number // 10], UNITS[number % 10] if number % 10 else "") if word)
