"""Favours names that may well be said: a trie of their letters, walked by tokens, with a bounded bonus."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.spoken import spoken_forms
from voice_api.speech.whisper.tokens import Vocabulary

SPACE = "Ġ"
"""How a byte-level vocabulary writes a space."""


MOST_OFFERS = 4096
"""Remembered at a time."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Nats that a name is worth: for each letter of it, for being whole, and at most."""

    letter: float
    whole: float
    bound: float

    def worth(self, letters: int, whole: bool) -> float:
        return min(self.bound, self.letter * letters + self.whole * whole)


CHOSEN = Weights(letter=1.0, whole=2.0, bound=12.0)


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
class Offers:
    """What the next token does to the bonus of a text.

    tokens, changes  those that go on with a name, or begin one
    ending           all tokens that do not go on with a word, when a name was said in full
    other            all that are left
    """

    tokens: NDArray[np.intp]
    changes: NDArray[np.float32]
    ending: float
    other: float


class Keywords:
    """Names as they are spoken and written; says what each next token is worth. Never changes.

    forms  each in the letters of the vocabulary, with a space in front where it may follow other text
    """

    def __init__(self, forms: Iterable[str], ids: Mapping[str, int], weights: Weights = CHOSEN) -> None:
        self._ids = ids
        self._weights = weights
        self._names = frozenset(forms)
        self._next: defaultdict[str, set[str]] = defaultdict(set)
        for form in self._names:
            for length in range(len(form)):
                self._next[form[:length]].add(form[length])
        self._tokens_after: dict[str, tuple[tuple[int, str], ...]] = {}
        self._offers: dict[tuple[Begun, ...], Offers] = {}
        self._spelling = {token: text for text, token in ids.items()}
        self.ends_word = _not_going_on(ids)

    def __bool__(self) -> bool:
        return bool(self._names)

    def start(self) -> Place:
        return Place(NOTHING, 0.0, 0.0)

    def after(self, place: Place, token: int, deficit: float = 0.0) -> Place:
        """The place after one more token; `deficit` is what it costs against the likeliest, in nats."""
        if not self._names:
            return place
        text = self._spelling.get(token, "")
        ended = token >= self.ends_word.size or bool(self.ends_word[token])
        kept, begun = place.kept, []
        for name in place.begun:
            worth = self._pending(name)
            credited = name.credited
            if ended and name.text in self._names:
                kept = max(kept, place.kept + worth)
                credited += worth
            if text and self._stands(name.text + text):
                begun.append(Begun(name.text + text, credited, name.paid + deficit))
        if text.startswith(SPACE) and self._stands(text) and place.begun != NOTHING:
            begun.append(Begun(text, 0.0, deficit))
        bonus = kept + max(map(self._pending, begun), default=0.0)
        return Place(tuple(begun), kept, bonus)

    def favour(self, logits: NDArray[np.float32], place: Place) -> float:
        """Add to logits [vocabulary], in place, what each token changes of the bonus.

        The return value is what is to be added to all of them: less than 0 when names that were begun are
        left by every other token.
        """
        offers = self.offers(place)
        changes = offers.changes - offers.other
        if offers.ending != offers.other:
            more = offers.ending - offers.other
            changes -= more * self.ends_word[offers.tokens]
            logits[: self.ends_word.size][self.ends_word] += more
        logits[offers.tokens] += changes
        return offers.other

    def choose(self, logits: NDArray[np.float32], best: int, place: Place) -> tuple[int, Place]:
        """The token to take where only one text is kept, and the place after it.

        One that goes on with a name wins over `best` while all that was paid for the name, in nats, is not
        more than what stands of it is worth.
        """
        tokens = self.offers(place).tokens
        deficits = logits[best] - logits[tokens]
        chosen, most = (best, self.after(place, best)), 0.0
        for index in np.flatnonzero(deficits <= self._weights.bound):
            after = self.after(place, int(tokens[index]), float(deficits[index]))
            left = max((self._worth(name.text) - name.paid for name in after.begun), default=-1.0)
            if left > most:
                chosen, most = (int(tokens[index]), after), left
        return chosen

    def offers(self, place: Place) -> Offers:
        """Kept for the next time: most of a text stands at no name, or at the beginning of a few."""
        found = self._offers.get(place.begun)
        if found is None:
            if len(self._offers) >= MOST_OFFERS:
                self._offers.clear()
            found = self._offers[place.begun] = self._offers_at(place)
        return found

    def _offers_at(self, place: Place) -> Offers:
        tokens = {
            token
            for name in (*place.begun, Begun(""))
            for token, text in self._continuations(name.text)
            if name.text or text.startswith(SPACE) or name in place.begun
        }
        changes = [self.after(place, token).bonus - place.bonus for token in tokens]
        said = [name for name in place.begun if name.text in self._names]
        return Offers(
            np.array(list(tokens), dtype=np.intp),
            np.array(changes, dtype=np.float32),
            place.kept + max(map(self._pending, said), default=0.0) - place.bonus,
            place.kept - place.bonus,
        )

    def _pending(self, name: Begun) -> float:
        return self._worth(name.text) - name.credited

    def _worth(self, text: str) -> float:
        return self._weights.worth(len(text.removeprefix(SPACE)), text in self._names)

    def _stands(self, text: str) -> bool:
        return text in self._next or text in self._names

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
            if longer in self._ids:
                yield self._ids[longer], longer
            yield from self._search(text, longer)


@lru_cache(maxsize=8)
def keywords_of(names: tuple[str, ...], vocabulary: Vocabulary, weights: Weights = CHOSEN) -> Keywords:
    """The names as this vocabulary writes them; made once for names that are asked for again and again."""
    forms = {form for name in names for form in spoken_forms(name)}
    written = [f"{space}{form}" for form in sorted(forms) for space in ("", " ")]
    encodings = vocabulary.tokenizer.encode_batch(written, add_special_tokens=False)
    return Keywords(("".join(encoding.tokens) for encoding in encodings), vocabulary.ids, weights)


def _not_going_on(ids: Mapping[str, int]) -> NDArray[np.bool_]:
    """Which tokens, by id, do not go on with the word before: spaces, punctuation, special tokens."""
    ends = np.ones(max(ids.values(), default=0) + 1, dtype=np.bool_)
    ends[[token for text, token in ids.items() if text[:1].isalnum() and text[0] != SPACE]] = False
    return ends


NO_KEYWORDS = Keywords((), {})
