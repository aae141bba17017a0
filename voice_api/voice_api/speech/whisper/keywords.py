"""Favours names that may well be said: a trie of their letters, walked by tokens, with a bounded bonus."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.fuzz import ratio
from rapidfuzz.process import cdist

from voice_api.speech.whisper.spoken import spoken_forms
from voice_api.speech.whisper.tokens import Vocabulary

SPACE = "Ġ"
"""How a byte-level vocabulary writes a space."""


MOST_WORDS = 5
"""One more than the words that a name may have been heard as."""

LEAST_LIKENESS = 50.0
"""Per cent of the letters that a name has in common with what was heard in its place."""

MOST_OFFERS = 4096
"""Remembered at a time."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Nats that a name is worth.

    letter, token  for each of both, whichever is less, of words of several tokens; a word of one token is one
                   that the model heard often, and needs no help
    whole          more for such a word that is said to its end
    bound          at most, for all words of a name
    gap            a token that is so much less likely than the likeliest is no part of a name: the sound says
                   otherwise, and a name must not swallow words
    """

    letter: float
    token: float
    whole: float
    bound: float
    gap: float

    def beginnings(self, word: Sequence[str]) -> list[float]:
        """What each beginning of a word is worth, letter by letter; the word as its tokens."""
        letters, several = sum(map(len, word)), len(word) > 1
        said = min(self.letter * letters, self.token * len(word)) * several
        return [said * letter / letters for letter in range(1, letters)] + [said + self.whole * several]


CHOSEN = Weights(letter=1.0, token=1.5, whole=2.0, bound=10.0, gap=4.0)


@dataclass(frozen=True, slots=True)
class Begun:
    """A name that was begun: what stands of it, what was already credited and paid for it, in nats."""

    text: str
    credited: float = 0.0
    paid: float = 0.0


NOTHING = (Begun(""),)
"""The beginning of a text, where a name needs no space in front."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands among the names: those begun, and the bonus of those said in full.

    bonus  of the text so far: names said in full, and the best of those begun, which is lost when it is left
    """

    begun: tuple[Begun, ...]
    kept: float
    bonus: float


@dataclass(frozen=True, slots=True)
class Letters:
    """A vocabulary as it is spelt; ends_word: tokens, by id, that do not go on with the word before."""

    ids: Mapping[str, int]
    spelling: Mapping[int, str]
    ends_word: NDArray[np.bool_]


def letters_of(ids: Mapping[str, int]) -> Letters:
    return Letters(ids, {token: text for text, token in ids.items()}, _not_going_on(ids))


class Keywords:
    """Names as they are spoken and written; says what each next token is worth. Never changes.

    forms  each as the tokens of the vocabulary that write it after other text, " web two" as Ġweb Ġtwo
    """

    def __init__(self, forms: Iterable[Sequence[str]], letters: Letters, weights: Weights = CHOSEN) -> None:
        self._letters = letters
        self._weights = weights
        self._forms = tuple(forms)
        self._names: set[str] = set()
        self._worths: dict[str, float] = {}
        self._next: defaultdict[str, set[str]] = defaultdict(set)
        for form in self._forms:
            worths = list(_worths(form, weights))
            text = "".join(form)
            self._add(text, worths)
            self._add(text.removeprefix(SPACE), worths[len(worths) - len(text.removeprefix(SPACE)) :])
        self._tokens_after: dict[str, tuple[tuple[int, str], ...]] = {}
        self._offers: dict[tuple[str, ...], NDArray[np.intp]] = {}

    def near(self, tokens: Sequence[int]) -> "Keywords":
        """Only those names that some words of a text nearly spell; the others were hardly said.

        A name that is spelt out already needs nothing.
        """
        text = "".join(self._letters.spelling.get(token, "") for token in tokens)
        words = [word for word in text.lower().split(SPACE.lower()) if word]
        spans = {
            "".join(words[start:end])
            for start in range(len(words))
            for end in range(start + 1, start + MOST_WORDS)
        }
        if not spans or not self._forms:
            return NO_KEYWORDS
        plain = ["".join(form).lower().replace(SPACE.lower(), "") for form in self._forms]
        likeness = cdist(plain, sorted(spans), scorer=ratio, dtype=np.float32).max(axis=1)
        chosen = [
            form for form, like in zip(self._forms, likeness, strict=True) if LEAST_LIKENESS <= like < 100.0
        ]
        return Keywords(chosen, self._letters, self._weights)

    def knows(self, name: str) -> bool:
        """Whether this name is among them, in one of its spoken forms."""
        return any(form.replace(" ", SPACE) in self._names for form in spoken_forms(name))

    def _add(self, text: str, worths: Sequence[float]) -> None:
        """A name of which each beginning is worth so much; what several begin with, as much as the best."""
        self._names.add(text)
        for length, worth in enumerate(worths, 1):
            beginning = text[:length]
            self._worths[beginning] = max(worth, self._worths.get(beginning, 0.0))
            self._next[text[: length - 1]].add(text[length - 1])

    def __bool__(self) -> bool:
        return bool(self._names)

    def worth(self, text: str) -> float:
        """Nats that the beginning of a name is worth."""
        return self._worths.get(text, 0.0)

    def start(self) -> Place:
        return Place(NOTHING, 0.0, 0.0)

    def after(self, place: Place, token: int, deficit: float = 0.0) -> Place:
        """The place after one more token; `deficit` is what it costs against the likeliest, in nats."""
        if not self._names:
            return place
        text = self._letters.spelling.get(token, "")
        fits = bool(text) and deficit <= self._weights.gap
        ended = token >= self._letters.ends_word.size or bool(self._letters.ends_word[token])
        kept, begun = place.kept, []
        for name in place.begun:
            worth = self._pending(name)
            credited = name.credited
            if ended and name.text in self._names:
                kept = max(kept, place.kept + worth)
                credited += worth
            if fits and name.text + text in self._worths:
                begun.append(Begun(name.text + text, credited, name.paid + deficit))
        if fits and text.startswith(SPACE) and text in self._worths and place.begun != NOTHING:
            begun.append(Begun(text, 0.0, deficit))
        bonus = kept + max(map(self._pending, begun), default=0.0)
        return Place(tuple(begun), kept, bonus)

    def favour(self, logits: NDArray[np.float32], place: Place) -> float:
        """Add to logits [vocabulary], in place, what each token changes of the bonus.

        The return value is what is to be added to all of them: less than 0 when names that were begun are
        left by every other token.
        """
        said = [name for name in place.begun if name.text in self._names]
        other = place.kept - place.bonus
        ending = other + max(map(self._pending, said), default=0.0)
        tokens = self._offered(place)
        deficits = logits.max() - logits[tokens]
        near = np.flatnonzero(deficits <= self._weights.gap)
        changes = [
            self.after(place, int(tokens[index]), float(deficits[index])).bonus - place.bonus - other
            for index in near
        ]
        chosen, plain = tokens[near], logits[tokens[near]]
        if ending != other:
            logits[: self._letters.ends_word.size][self._letters.ends_word] += ending - other
        logits[chosen] = plain + np.array(changes, dtype=np.float32)
        return other

    def choose(self, logits: NDArray[np.float32], best: int, place: Place) -> tuple[int, Place]:
        """The token to take where only one text is kept, and the place after it.

        One that goes on with a name wins over `best` while all that was paid for the name, in nats, is not
        more than what stands of it is worth.
        """
        tokens = self._offered(place)
        deficits = logits[best] - logits[tokens]
        chosen, most = (best, self.after(place, best)), 0.0
        for index in np.flatnonzero(deficits <= self._weights.gap):
            after = self.after(place, int(tokens[index]), float(deficits[index]))
            left = max((self.worth(name.text) - name.paid for name in after.begun), default=-1.0)
            if left > most:
                chosen, most = (int(tokens[index]), after), left
        return chosen

    def _offered(self, place: Place) -> NDArray[np.intp]:
        """The tokens that go on with a name, or begin one; kept, since most places are at no name."""
        begun = tuple(name.text for name in place.begun)
        found = self._offers.get(begun)
        if found is None:
            if len(self._offers) >= MOST_OFFERS:
                self._offers.clear()
            found = self._offers[begun] = np.array(sorted(self._tokens(begun)), dtype=np.intp)
        return found

    def _tokens(self, begun: tuple[str, ...]) -> set[int]:
        going_on = {token for text in begun for token, _ in self._continuations(text)}
        return going_on | {token for token, text in self._continuations("") if text.startswith(SPACE)}

    def _pending(self, name: Begun) -> float:
        return self.worth(name.text) - name.credited

    def _continuations(self, text: str) -> tuple[tuple[int, str], ...]:
        """Tokens, and their letters, that go on from `text` within some name."""
        found = self._tokens_after.get(text)
        if found is None:
            found = tuple(self._search(text, ""))
            self._tokens_after[text] = found
        return found

    def _search(self, text: str, more: str) -> Iterable[tuple[int, str]]:
        for letter in self._next.get(text + more, ()):
            longer = more + letter
            if longer in self._letters.ids:
                yield self._letters.ids[longer], longer
            yield from self._search(text, longer)


@lru_cache(maxsize=8)
def keywords_of(names: tuple[str, ...], vocabulary: Vocabulary, weights: Weights = CHOSEN) -> Keywords:
    """The names as this vocabulary writes them; made once for names that are asked for again and again."""
    forms = sorted({f" {form}" for name in names for form in spoken_forms(name)})
    encodings = vocabulary.tokenizer.encode_batch(forms, add_special_tokens=False)
    return Keywords((encoding.tokens for encoding in encodings), _letters(vocabulary), weights)


@lru_cache(maxsize=8)
def _letters(vocabulary: Vocabulary) -> Letters:
    return letters_of(vocabulary.ids)


def _worths(form: Sequence[str], weights: Weights) -> Iterator[float]:
    """What each beginning of a name is worth, letter by letter."""
    before = 0.0
    for word in _words(form):
        worths = weights.beginnings(word)
        yield from (min(weights.bound, before + worth) for worth in worths)
        before += worths[-1]


def _words(form: Sequence[str]) -> Iterator[list[str]]:
    """The tokens of each word; marks are words of their own."""
    word: list[str] = []
    for token in form:
        begins = not word or not token[0].isalnum() or token[0] == SPACE or not word[-1][-1].isalnum()
        if begins and word:
            yield word
            word = []
        word.append(token)
    if word:
        yield word


def _not_going_on(ids: Mapping[str, int]) -> NDArray[np.bool_]:
    """Which tokens, by id, do not go on with the word before: spaces, punctuation, special tokens."""
    ends = np.ones(max(ids.values(), default=0) + 1, dtype=np.bool_)
    ends[[token for text, token in ids.items() if text[:1].isalnum() and text[0] != SPACE]] = False
    return ends


NO_KEYWORDS = Keywords((), letters_of({}))
