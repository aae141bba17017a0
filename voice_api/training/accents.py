"""Accents that nobody has: consistent changes to the phonemes of a whole sentence, in espeak-ng's names."""

import random
import re
from dataclasses import dataclass

Changes = dict[str, dict[str, str]]
SHARED: Changes = {
    "h lost": {"h": ""},
    "j lost": {"j": ""},
    "th as f": {"T": "f", "D": "v"},
    "th as t": {"T": "t", "D": "d"},
    "th as s": {"T": "s", "D": "z"},
    "ng as n": {"N": "n"},
    "ng with g": {"N": "N|g"},
    "w as v": {"w": "v"},
    "v as w": {"v": "w"},
    "v as b": {"v": "b"},
    "z as s": {"z": "s"},
    "ch as sh": {"tS": "S"},
    "sh as s": {"S": "s"},
    "j as y": {"dZ": "j"},
    "r as w": {"r": "w"},
    "dark r": {"3:": "V|r", "3": "@|r", "A@": "A:|r", "e@": "E|r", "O@": "O:|r", "i@": "i:|r"},
    "lost r": {"3:": "3:", "3": "@", "A@": "A:", "e@": "E", "O@": "O:", "i@": "i|@"},
    "bird as bed": {"3:": "E"},
    "bird as bard": {"3:": "A:"},
    "long e short": {"i:": "I", "i": "I"},
    "short i long": {"I": "i:", "I2": "i"},
    "i as schwa": {"I": "@", "I2": "@"},
    "pin as pen": {"I": "E"},
    "pen as pin": {"E": "I"},
    "pen as pan": {"E": "a"},
    "pan as pen": {"a": "E"},
    "pan as palm": {"a": "A:"},
    "palm as pan": {"A:": "a", "aa": "a"},
    "lot as thought": {"0": "O:"},
    "lot as palm": {"0": "A:"},
    "lot as strut": {"0": "V"},
    "thought as lot": {"O:": "0"},
    "strut as foot": {"V": "U"},
    "strut as pan": {"V": "a"},
    "foot as goose": {"U": "u:"},
    "goose as foot": {"u:": "U"},
    "goose fronted": {"u:": "i|u:"},
    "face flat": {"eI": "E|I"},
    "face wide": {"eI": "aI"},
    "face long": {"eI": "E"},
    "price as choice": {"aI": "OI"},
    "price flat": {"aI": "A:"},
    "goat wide": {"oU": "aU"},
    "goat flat": {"oU": "O:"},
    "goat as lot": {"oU": "0"},
    "mouth flat": {"aU": "a:"},
    "mouth as goat": {"aU": "oU"},
    "choice as price": {"OI": "aI"},
    "full vowels": {"@": "a", "@2": "a", "a#": "a"},
    "schwa as i": {"@": "I", "a#": "I"},
    "schwa as strut": {"@": "V", "3": "V"},
    "schwa as e": {"@": "E"},
}
AT_WORD_END: Changes = {
    "t swallowed": {"t": "?"},
    "t lost": {"t": "", "d": ""},
    "hard ends": {"d": "t", "b": "p", "g": "k", "z": "s", "v": "f"},
    "l as u": {"l": "U"},
    "n with schwa": {"n": "n|@", "t": "t|@", "d": "d|@"},
}
AFTER_VOWEL: Changes = {
    "t tapped": {"t": "d"},
    "t stopped": {"t": "?"},
    "l as w": {"l": "w"},
    "d softened": {"d": "D"},
}
VOWELS = frozenset("aeiouAEIOU03V@")
MOST_CHANGES = 4


@dataclass(frozen=True, slots=True)
class Accent:
    """What each phoneme becomes: anywhere, at a word's end, after a vowel; the first that knows it."""

    anywhere: dict[str, str]
    at_end: dict[str, str]
    after_vowel: dict[str, str]

    def of(self, sentence: str) -> str:
        """sentence: words of phonemes with "|" between them, as espeak-ng writes them."""
        return " ".join(self._word(word.split("|")) for word in sentence.split())

    def _word(self, phonemes: list[str]) -> str:
        changed = [self._phoneme(phonemes, place) for place in range(len(phonemes))]
        return "|".join(phoneme for phoneme in changed if phoneme) or "|".join(phonemes)

    def _phoneme(self, phonemes: list[str], place: int) -> str:
        stress, bare = re.fullmatch("([',%=_]*)(.*)", phonemes[place]).groups()  # type: ignore[union-attr]
        if place == len(phonemes) - 1 and bare in self.at_end:
            bare = self.at_end[bare]
        elif place and phonemes[place - 1][-1:].strip(":") in VOWELS and bare in self.after_vowel:
            bare = self.after_vowel[bare]
        else:
            bare = self.anywhere.get(bare, bare)
        return stress + bare if bare else ""


def invented_accent(chance: random.Random) -> Accent:
    """One to four changes; where two speak of the same phoneme the later one wins."""
    kinds = [(table, name) for table in (SHARED, AT_WORD_END, AFTER_VOWEL) for name in table]
    chosen = chance.sample(kinds, chance.randint(1, MOST_CHANGES))
    return Accent(*(_merged(table, chosen) for table in (SHARED, AT_WORD_END, AFTER_VOWEL)))


def _merged(table: Changes, chosen: list[tuple[Changes, str]]) -> dict[str, str]:
    return {key: value for source, name in chosen if source is table for key, value in table[name].items()}
