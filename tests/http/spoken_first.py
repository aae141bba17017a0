"""Speaks sentences into files of a folder: spoken_first.py FOLDER SENTENCE...

espeak-ng says the same a little differently after having said something else. In a process of their own
sentences sound the same in each run, whatever was spoken by the tests before.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile

from voice_api.speech.speakers.espeak import EspeakSpeaker


def main(folder: Path, sentences: list[str]) -> None:
    speaker = EspeakSpeaker()
    for number, sentence in enumerate(sentences):
        sound = np.concatenate(list(speaker.speak(sentence, None, 1.0)))
        soundfile.write(folder / f"{number}.wav", sound, speaker.sample_rate, subtype="PCM_16")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
