"""voice-api bench: measures the models and engines there are on this machine, and prints tables."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from voice_api.bench.figures import Workload
from voice_api.settings import SettingsError, surroundings

DEFAULT_MODELS = ("embedded", "random-tiny", "random-base")
DEFAULT_SECONDS = (5.0, 30.0)
DEFAULT_ROUNDS = 7
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 30.0
FEWEST_TOKENS, MOST_TOKENS = 3, 200
"""CTranslate2 writes half of 448 tokens, the prompt included."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; `run` reads what was parsed."""
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME_OR_FOLDER",
        help="a model, or random-tiny, random-base, random-small: weights that are drawn (the embedded "
        "model, random-tiny and random-base)",
    )
    parser.add_argument(
        "--seconds", action="append", type=float, metavar="SECONDS", help="length of the sound (5 and 30)"
    )
    parser.add_argument(
        "--tokens",
        metavar="N[/N...]",
        help="length of the text for each --seconds (15/80 with random models, else as the model ends it)",
    )
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="%(default)s")
    parser.add_argument("--threads", type=int, default=0, help="all that this process may use")
    parser.add_argument(
        "--peers",
        nargs="?",
        const=sys.executable,
        metavar="PYTHON",
        help="compare with faster-whisper and pywhispercpp where that Python (this one) has them",
    )
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keeps what is made; else it is deleted")
    parser.add_argument("--models-folder", type=Path, metavar="FOLDER", help="where `model add` keeps models")
    parser.add_argument("--json", action="store_true", help="JSON instead of Markdown")


def run(parsed: argparse.Namespace) -> None:
    """Measure, and print the report on stdout; VoiceApiError for what cannot be measured."""
    from voice_api.bench.markdown import markdown  # noqa: PLC0415
    from voice_api.bench.survey import Wish, survey  # noqa: PLC0415

    workloads = workloads_of(parsed.seconds or DEFAULT_SECONDS, parsed.tokens)
    if parsed.rounds < 1:
        raise _wrong("--rounds", "a number of 1 or more")
    with _work_folder(parsed.work) as work:
        wish = Wish(
            models=parsed.model or DEFAULT_MODELS,
            workloads=workloads,
            rounds=parsed.rounds,
            threads=parsed.threads,
            peers=parsed.peers,
            models_folder=parsed.models_folder or surroundings().models_folder,
            work=work,
        )
        report = survey(wish, _tell)
    sys.stdout.write(json.dumps(report.document()) + "\n" if parsed.json else markdown(report))


def workloads_of(seconds: Sequence[float], tokens: str | None) -> tuple[Workload, ...]:
    """One for each length of sound; the last number of tokens serves all lengths after it."""
    if not all(SHORTEST_SECONDS <= length <= LONGEST_SECONDS for length in seconds):
        raise _wrong("--seconds", f"a length of {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} seconds")
    if tokens is None:
        return tuple(Workload(length, None) for length in seconds)
    words = tokens.split("/")
    if not all(word.isdecimal() and FEWEST_TOKENS <= int(word) <= MOST_TOKENS for word in words):
        raise _wrong(
            "--tokens", f"numbers of {FEWEST_TOKENS} to {MOST_TOKENS} with / between them, such as 15/80"
        )
    counts = [int(word) for word in words] + [int(words[-1])] * len(seconds)
    return tuple(Workload(length, count) for length, count in zip(seconds, counts, strict=False))


def _wrong(flag: str, wanted: str) -> SettingsError:
    return SettingsError(f"{flag} is not {wanted}", f"give {flag} {wanted}")


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


@contextmanager
def _work_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="voice-api-bench-") as folder:
            yield Path(folder)
        return
    wanted.mkdir(parents=True, exist_ok=True)
    yield wanted.resolve()
