"""Letters wrong, words split, fillers and homophones: it is asked back, never taken for something else."""

import random
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

VARIANTS = 8
FILLERS = ("uh", "um", "please", "the", "er")
HOMOPHONES = {"to": "two", "two": "to", "for": "four", "four": "for", "one": "won", "eight": "ate",
              "three": "tree", "node": "note", "pods": "pots"}  # fmt: skip


def _utterances() -> ModuleType:
    spec = spec_from_file_location("utterances", Path(__file__).with_name("test_utterances.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SET = _utterances()


def noisy(said: str, chance: random.Random) -> str:
    """`said` with one or two things that a recogniser does to it."""
    words = said.split()
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(words))
        word = words[at]
        match chance.choice(("letter", "letter", "filler", "homophone", "split")):
            case "letter":
                place = chance.randrange(len(word))
                letter = chance.choice("abcdefghiklmnoprstuvw")
                rest = place + chance.randint(0, 1)
                words[at] = word[:place] + chance.choice((letter, "")) + word[rest:] or letter
            case "filler":
                words.insert(at, chance.choice(FILLERS))
            case "homophone":
                words[at] = HOMOPHONES.get(word, word)
            case _ if len(word) > 4:
                words[at : at + 1] = [word[: len(word) // 2], word[len(word) // 2 :]]
    return " ".join(words)


def without_version(change: str) -> str:
    """A version has nothing to be held against: a digit lost is another version, which is read back."""
    return " ".join(part for part in change.split() if not part.startswith("version="))


def test_noise_is_asked_back_and_never_changes_another_object() -> None:
    chance = random.Random(20)
    right, wrong = 0, []
    clear = [(said, SET.in_order(meant)) for said, meant in SET.SAID if meant not in {"?", "-"}]
    for said, meant in clear:
        meant_changes = {without_version(change) for change in meant.split("; ")}
        for _ in range(VARIANTS):
            heard = noisy(said, chance)
            understanding = SET.understood(heard)
            right += SET.outcome(understanding) == meant
            changed = {without_version(change) for change in SET.changes(understanding)}
            wrong += [(said, heard, change) for change in changed - meant_changes]
    total = len(clear) * VARIANTS
    print(f"{total} noisy utterances, {right / total:.1%} right, {len(wrong)} wrong")
    assert wrong == []
    assert right > 0.8 * total
