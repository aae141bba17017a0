"""What training invents: accents that change what is said, and layers that at first change nothing."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3] / "voice_api" / "training"))

import torch
from accents import AFTER_VOWEL, AT_WORD_END, SHARED, Accent, invented_accent
from grow import grown
from network import Network, Sizes
from sounds import phoneme_classes
from tokens import VOCABULARY
from vocoder import revoiced


def test_an_accent_changes_a_phoneme_wherever_it_stands_and_keeps_the_stress() -> None:
    accent = Accent(SHARED["h lost"] | SHARED["pen as pin"], {}, {})
    assert accent.of("h|,aU m|'E|n|i h|'E|n|z") == ",aU m|'I|n|i 'I|n|z"


def test_some_changes_are_made_only_at_the_end_of_a_word_or_after_a_vowel() -> None:
    accent = Accent({}, AT_WORD_END["t swallowed"], AFTER_VOWEL["t tapped"])
    assert accent.of("t|'E|s|t p|'E|t|@ k|'a|t") == "t|'E|s|? p|'E|d|@ k|'a|?"


def test_no_accent_leaves_a_word_without_a_sound() -> None:
    chance = random.Random(7)
    for _ in range(200):
        assert all(invented_accent(chance).of("h|'aU t T|'I|N d|@").split(" "))


def test_another_throat_says_it_in_the_same_time() -> None:
    numbers = np.random.default_rng(2)
    sound = numbers.normal(size=20_000).astype(np.float32) * 0.1
    heard = revoiced(sound, numbers)
    assert heard.shape == sound.shape
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() > 0.01


@torch.no_grad()
def test_new_layers_change_nothing_at_first() -> None:
    torch.manual_seed(4)
    small = replace(Sizes(), encoder_layers=2, decoder_layers=1)
    phonemes = len(phoneme_classes())
    smaller, larger = Network(small, phonemes), Network(Sizes(), phonemes)
    larger.load_state_dict(grown(smaller.state_dict()))
    features, tokens = torch.randn(2, 80, 100), torch.randint(0, VOCABULARY, (2, 9))
    for before, after in zip(smaller(features, tokens), larger(features, tokens), strict=True):
        assert (before - after).abs().max() < 1e-5
