"""Measures what a spoken command takes without live names, with them, and heard again for them.

Run by hand, on an idle machine: .venv/bin/python tests/bench/command_latency.py [--commands 60]
Two services, of which one has no live names, are asked in turn about the demo cluster.
"""

import argparse
import statistics
from collections import defaultdict

from many_callers import ask, recorded, service

from voice_api.audio.encoding import resampled_speech
from voice_api.speech.speakers.espeak import EspeakSpeaker

UNDERSTOOD, NOT_UNDERSTOOD = "how many pods are not ready", "how many pods are in the cartoon namespace"
WARM_UP = 5


def spoken(sentence: str) -> bytes:
    speaker = EspeakSpeaker()
    return recorded(resampled_speech(list(speaker.speak(sentence, None, 1.0)), speaker.sample_rate))


def stages(address: tuple[str, int], sound: bytes) -> dict[str, float]:
    """The timings of one answer, in milliseconds."""
    timings = ask(address, "POST", "/v1/commands", sound, {"Content-Type": "audio/wav"})["timings_ms"]
    return {str(name): float(value) for name, value in dict(timings).items()}


def measured(commands: int) -> dict[tuple[str, str], list[dict[str, float]]]:
    """Stages by sentence, and by whether live names are "off" or "on"."""
    sounds = {sentence: spoken(sentence) for sentence in (UNDERSTOOD, NOT_UNDERSTOOD)}
    found = defaultdict[tuple[str, str], list[dict[str, float]]](list)
    with service("--live-names", "false") as off, service() as on:
        for _ in range(WARM_UP + commands):
            for sentence, sound in sounds.items():
                found[sentence, "off"].append(stages(off, sound))
                found[sentence, "on"].append(stages(on, sound))
    return {kind: times[WARM_UP:] for kind, times in found.items()}


def row(sentence: str, names: str, times: list[dict[str, float]]) -> str:
    total = [each["total"] for each in times]
    again = statistics.median(each.get("decode_names", 0.0) for each in times)
    high = statistics.quantiles(total, n=20)[-1]
    return f"| {sentence} | {names} | {statistics.median(total):.1f} | {high:.1f} | {again:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=60, help="of each kind")
    print("| command | live names | ms, p50 | p95 | of it decoding again, p50 |\n|---|---|---|---|---|")
    for (sentence, names), times in measured(parser.parse_args().commands).items():
        print(row(sentence, names, times))


if __name__ == "__main__":
    main()
