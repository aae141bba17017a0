"""Greedy decoding: the likeliest token, again and again, until the text ends or its room is used up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules


@dataclass(frozen=True, slots=True)
class Decoded:
    """The tokens of one window, without prompt and end; trace also holds the end token."""

    tokens: tuple[int, ...]
    trace: tuple[TokenTrace, ...]
    no_speech_probability: float

    @property
    def average_log_probability(self) -> float:
        return sum(entry.log_probability for entry in self.trace) / max(1, len(self.trace))


@dataclass(frozen=True, slots=True)
class Chooser:
    """Takes the next token from logits: the likeliest, or drawn where the temperature is above 0."""

    temperature: float
    random: np.random.Generator

    def choose(self, logits: NDArray[np.float32]) -> TokenTrace:
        log_probabilities = log_softmax(logits)
        token = int(log_probabilities.argmax())
        if self.temperature > 0:
            warmed = np.exp(log_softmax(logits / np.float32(self.temperature))).astype(np.float64)
            token = int(self.random.choice(warmed.size, p=warmed / warmed.sum()))
        return _trace(log_probabilities, token)


def decode(
    decoding: Decoding,
    prompt: Prompt,
    rules: TokenRules,
    chooser: Chooser,
    no_speech_token: int | None,
) -> Decoded:
    """Decode one window; at most the folder's max_length tokens, prompt included."""
    generation = rules.generation
    first = decoding.feed(np.array([prompt.tokens]), (prompt.start_index, -1))[0]
    logits = first[1]
    no_speech = 0.0
    if no_speech_token is not None:
        no_speech = float(np.exp(log_softmax(first[0])[no_speech_token]))
    tokens: list[int] = []
    trace: list[TokenTrace] = []
    for room in range(generation.max_length - len(prompt.tokens), 0, -1):
        chosen = chooser.choose(rules.apply(logits, tokens))
        trace.append(chosen)
        if chosen.token == generation.end_token:
            break
        tokens.append(chosen.token)
        if room > 1:
            logits = decoding.feed(np.array([[chosen.token]]))[0, 0]
    return Decoded(tuple(tokens), tuple(trace), no_speech)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), dtype=np.float32)


def _trace(log_probabilities: NDArray[np.float32], token: int) -> TokenTrace:
    """A forbidden runner-up counts as a lead of 20 nats."""
    others = np.delete(log_probabilities, token)
    margin = min(20.0, float(log_probabilities[token] - others.max(initial=-np.inf)))
    possible = log_probabilities[log_probabilities > -np.inf]
    entropy = float(-(np.exp(possible) * possible).sum())
    return TokenTrace(token, float(log_probabilities[token]), margin, entropy)
