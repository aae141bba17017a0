"""The words that names and word mixes are drawn from, the commoner the nearer to the beginning.

python voice_api/training/words.py    adds the words of Debian's wamerican-small to words.txt
"""

import random
import re
from pathlib import Path

from phrases import HERE, language, words

DICTIONARY = Path("/usr/share/dict/american-english-small")
ALSO_HOLDS = re.compile("ember$|ember(?=ed$|s$|ing$|ship|ance)")
"""Remember, member, december: they hold "ember" and have nothing to do with it."""


def tells(word: str, unseen: set[str]) -> bool:
    """Whether `word` is one of the unseen words, holds one or is formed from one."""
    if word in unseen or any(word.startswith(stem(name)) for name in unseen):
        return True
    return any(name in word for name in unseen if not (name == "ember" and ALSO_HOLDS.search(word)))


def stem(name: str) -> str:
    """What every form of the name begins with: saddl(e), saddl(ing); harbor and harbour."""
    return "harbo" if name == "harbor" else name[:-1] if name.endswith("le") else name


def inflected(word: str, others: set[str]) -> bool:
    """Plural, past or participle of another word: little new to spell."""
    ending = next((ending for ending in ("s", "ed", "ing") if word.endswith(ending)), "")
    base = word.removesuffix(ending)
    return bool(ending) and bool({base, f"{base}e", base[:-1]} & others)


def unseen_words() -> set[str]:
    return {word for name in language()["unseen_names"] for word in name.split()}


def main() -> None:
    unseen = unseen_words()
    listed = {word for word in DICTIONARY.read_text().split("\n") if re.fullmatch("[a-z]{3,13}", word)}
    added = sorted(word for word in listed - set(words()) if not inflected(word, listed))
    random.Random(0).shuffle(added)
    candidates = [*words(), *added]
    kept = [word for word in candidates if not tells(word, unseen)]
    (HERE / "words.txt").write_text("\n".join(kept) + "\n")
    print(f"{len(kept)} words; left out {[word for word in candidates if tells(word, unseen)]}")


if __name__ == "__main__":
    main()
