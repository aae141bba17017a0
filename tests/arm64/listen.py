"""Hears the sounds of a folder with a model and prints what was heard: `listen.py MODEL SOUNDS.npz`."""

import json
import sys
from pathlib import Path

import numpy as np

from voice_api.speech.processor import processor
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper

whisper = load_whisper(Path(sys.argv[1]), 1)
heard = {}
for name, sound in np.load(sys.argv[2]).items():
    transcript = whisper.transcribe(sound, TranscribeOptions())
    heard[name] = {"text": transcript.text, "confidence": transcript.confidence}
print(json.dumps({"machine": processor().machine, "int8": processor().int8_kernel, "heard": heard}))
