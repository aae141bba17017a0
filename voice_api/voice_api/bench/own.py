"""The speech engine of voice-api as a worker: python -m voice_api.bench.own FOLDER '{"threads": 2}'."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from voice_api.bench.onnxruntime_time import SessionClock, time_sessions
from voice_api.bench.peer import LANGUAGE, Hear, Reply, take_turns, timed
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.runtime import onnxruntime
from voice_api.speech.whisper.engine import Whisper, load_whisper

OPTIONS = TranscribeOptions(language=LANGUAGE)


def load(folder: Path, threads: int) -> tuple[Hear, Reply]:
    whisper = load_whisper(folder, threads)
    return partial(hear, whisper), {"versions": {"onnxruntime": onnxruntime.__version__}, "build": ""}


def hear(whisper: Whisper, request: Mapping[str, Any]) -> Reply:
    """Sound to words, with what the stages took; `stages` also times what lies within onnxruntime."""
    sound = np.load(request["sound"])
    listener = limited(whisper, request["tokens"]) if request.get("tokens") else whisper
    listener = trained(listener) if request.get("trained") else listener
    clock = time_sessions(whisper.model.decoder) if request.get("stages") else SessionClock()
    with clock:
        transcript, milliseconds = timed(lambda: listener.transcribe(sound, OPTIONS))
    return {
        "milliseconds": milliseconds,
        "tokens": sum(len(segment.token_ids) for segment in transcript.segments),
        "text": transcript.text,
        "timings_ms": dict(transcript.timings_ms),
        "onnxruntime_ms": clock.runs_ms,
        "retries": transcript.retries,
    }


def limited(whisper: Whisper, tokens: int) -> Whisper:
    """The same loaded graphs, for texts of so many tokens: a text that is cut off is not heard again."""
    model = whisper.model
    prompt = model.prompter.prompt(OPTIONS, LANGUAGE, timestamps=False)
    generation = replace(model.folder.generation, max_length=len(prompt.tokens) + tokens)
    listening = replace(model.listening, retries=False)
    return Whisper(replace(model, folder=replace(model.folder, generation=generation), listening=listening))


def trained(whisper: Whisper) -> Whisper:
    """The same loaded graphs, taken for those of a model that was trained on sound of any length."""
    model = whisper.model
    return Whisper(replace(model, folder=replace(model.folder, short_context=True)))


if __name__ == "__main__":
    take_turns(lambda: load(Path(sys.argv[1]), json.loads(sys.argv[2])["threads"]))
