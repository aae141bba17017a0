"""Turns what was heard or typed into plain lower-case words, and spoken numbers into digits."""

import re
import unicodedata

LIMIT_CHARACTERS = 500

CONTRACTIONS = {
    "whats": "what is",
    "wheres": "where is",
    "hows": "how is",
    "theres": "there is",
    "lets": "let us",
    "im": "i am",
    "id": "i would",
    "isnt": "is not",
    "arent": "are not",
    "dont": "do not",
    "doesnt": "does not",
    "cant": "can not",
    "cannot": "can not",
    "wont": "will not",
    "whatre": "what are",
}

# Said without meaning anything, wherever it stands.
FILLERS = frozenset({"please", "uh", "um", "erm", "er", "hmm", "hm", "ah", "kindly", "basically"})

OPENINGS = (
    "hey",
    "hi",
    "hello",
    "okay",
    "ok",
    "so",
    "well",
    "and",
    "could you",
    "can you",
    "would you",
    "will you",
    "can i ask",
    "do you know",
    "i would like to know",
    "i want to know",
    "tell me",
    "let me know",
    "just",
    "quickly",
)
ENDINGS = ("right now", "now", "currently", "at the moment", "for me", "thanks", "thank you", "then")

UNIT_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TEN_WORDS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
UNITS = {word: value for value, word in enumerate(UNIT_WORDS)}
TENS = {word: value for value, word in zip(range(20, 100, 10), TEN_WORDS, strict=True)}

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def normalise(text: str) -> str:
    """The words of `text`: a to z and 0 to 9, one space between words, at most LIMIT_CHARACTERS.

    Marks are taken off letters, contractions written out and words without meaning dropped. A letter of
    another script leaves nothing at all: parts of a sentence could mean what nobody said. Normalising
    twice changes nothing more. Never raises.
    """
    words = [
        plain
        for word in WORD.findall(_ascii(text[:LIMIT_CHARACTERS]))
        for plain in _written_out(word)
        if plain not in FILLERS
    ]
    return _without_edges(_within_limit(words))


def digits(words: str) -> str:
    """`words` with each spoken number as digits: "edge twenty one" is "edge 21", "oh two" is "0 2".

    Only for a slot in which a number is meant; elsewhere "one" may be a word like any other.
    """
    written: list[str] = []
    ten: int | None = None
    for word in words.split():
        unit = UNITS.get(word)
        if ten is not None and unit is not None and 0 < unit < 10:
            written[-1] = str(ten + unit)
        else:
            written.append(_digit_word(word))
        ten = TENS.get(word)
    return " ".join(written)


def _digit_word(word: str) -> str:
    if word == "oh":
        return "0"
    value = UNITS.get(word, TENS.get(word))
    return word if value is None else str(value)


def _ascii(text: str) -> str:
    apostrophes = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    parts = [
        part for part in unicodedata.normalize("NFKD", apostrophes).lower() if not unicodedata.combining(part)
    ]
    if any(part.isalpha() and not part.isascii() for part in parts):
        return ""
    return "".join(part if part.isascii() else " " for part in parts)


def _written_out(word: str) -> list[str]:
    joined = word.replace("'", "")
    return CONTRACTIONS.get(joined, joined).split()


def _within_limit(words: list[str]) -> list[str]:
    length = 0
    for index, word in enumerate(words):
        length += len(word) + 1
        if length > LIMIT_CHARACTERS:
            return words[:index]
    return words


def _without_edges(words: list[str]) -> str:
    text = " ".join(words)
    while (shorter := _without_one_edge(text)) != text:
        text = shorter
    return text


def _without_one_edge(text: str) -> str:
    for opening in OPENINGS:
        if text == opening or text.startswith(f"{opening} "):
            return text[len(opening) :].lstrip()
    for ending in ENDINGS:
        if text == ending or text.endswith(f" {ending}"):
            return text[: -len(ending)].rstrip()
    return text
