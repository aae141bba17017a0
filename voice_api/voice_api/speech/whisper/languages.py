"""Which language is spoken: asked of the start token, in a decoding that then goes on."""

import numpy as np

from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.decode import Started, silence
from voice_api.speech.whisper.decoding import Decoding

UNSPACED_LANGUAGES = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Written without spaces between words."""


def detect_language(
    decoding: Decoding, generation: Generation, no_speech_token: int | None
) -> tuple[str, Started]:
    """The likeliest language's code, and the decoding for a prompt that begins with the start token."""
    decoding.take(np.array([[generation.start_token]], dtype=np.int64))
    no_speech, logits = silence(decoding, no_speech_token), decoding.logits()[0, 0]
    codes = list(generation.languages)
    best = codes[int(logits[[generation.languages[code] for code in codes]].argmax())]
    return best, Started(decoding, no_speech)
