"""How a written word sounds in English, roughly: what a recogniser confuses has the same or a near key."""

import re
from functools import lru_cache

# Applied in this order, each everywhere. Vowels are one sound: they are what is misheard most.
RULES = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(kn|gn|pn)", "n"), (r"^wr", "r"), (r"^ps", "s"), (r"^wh", "w"), (r"^x", "s"),
        (r"tion|sion|cion", "Sn"), (r"tch|ch|sch", "C"), (r"sh", "S"), (r"ph", "f"), (r"gh(?=t)", ""),
        (r"gh", "k"), (r"th", "t"), (r"dg(?=[eiy])", "j"), (r"g(?=[eiy])", "j"), (r"c(?=[eiy])", "s"),
        (r"ck|cc|qu|[cq]", "k"), (r"x", "ks"), (r"z", "s"), (r"v", "f"), (r"d", "t"), (r"b", "p"),
        (r"g", "k"), (r"mn\b", "m"), (r"mb\b", "m"), (r"(?<!^)h", ""), (r"[aeiouyw]+", "a"),
        (r"(.)\1+", r"\1"), (r"(?<=.)a$", ""),
    )
)  # fmt: skip


@lru_cache(maxsize=16384)
def sound(word: str) -> str:
    """The key of one word without separators; digits stay as they are."""
    for pattern, written in RULES:
        word = pattern.sub(written, word)
    return word
