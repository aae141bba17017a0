"""From weights to a compiled folder: written, the faster variant chosen, and listed in compiled.json."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.processor import processor
from voice_api.speech.runtime import available_threads, onnxruntime
from voice_api.speech.whisper.compile.atomic import digests, written_whole
from voice_api.speech.whisper.compile.build import Build, Graphs, are_tied, tell
from voice_api.speech.whisper.compile.measure import step_milliseconds
from voice_api.speech.whisper.compile.proof import error_of_scores, seeded_features
from voice_api.speech.whisper.compile.published import COPIED
from voice_api.speech.whisper.compile.sizes import Hearing, read_sizes
from voice_api.speech.whisper.compile.vocabulary import kept_tokens
from voice_api.speech.whisper.compile.writer import Precision, Weights
from voice_api.speech.whisper.layout import COMPILED, tuned_for_short_context

Say = Callable[[str], None]
About = dict[str, object]
"""What compiled.json says."""

SHARES_LISTENED_TO = (0.17, 0.4)
SURE = 2.0
"""A token that is best in truth is below the best of the graph by at most twice the largest error."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile.

    precision  int8 is fast; int4 needs less memory; fp32 computes exactly what was published
    language   keep only the tokens that this language is written with, by its code
    """

    precision: Precision = "int8"
    language: str | None = None


def write_compiled(
    weights: Weights, folder: Path, target: Path, options: CompileOptions, progress: Say
) -> Path:
    """Compile weights that come from anywhere; `folder` has the JSON files. Proves nothing."""
    with written_whole(target) as place:
        about = fill(place, weights, folder, options, progress)
        finish(place, about)
    return target


def fill_exactly(place: Path, weights: Weights, folder: Path) -> None:
    """Write graphs that round nothing, only to be compared with others: neither variant is timed."""
    build, about = _begun(place, weights, folder, CompileOptions("fp32"))
    build.put(build.write()["plain"], about | {"attention": {"chosen": "plain"}})


def fill(place: Path, weights: Weights, folder: Path, options: CompileOptions, progress: Say) -> About:
    """Write everything but the final compiled.json; what it will say so far."""
    build, about = _begun(place, weights, folder, options)
    return _measured(build, about, folder, progress)


def _begun(place: Path, weights: Weights, folder: Path, options: CompileOptions) -> tuple[Build, About]:
    for file in (folder / name for name in COPIED):
        if file.is_file():
            shutil.copyfile(file, place / file.name)
    sizes = read_sizes(folder)
    kept = kept_tokens(folder, options.language)
    build = Build(weights, sizes, place, options.precision, are_tied(weights), kept)
    about: About = {
        "precision": options.precision,
        "largest_int8": build.largest,
        "alignment_heads": [list(head) for head in sizes.alignment_heads],
        "vocabulary": None
        if kept is None
        else {"kept": kept.size, "of": sizes.architecture.vocab_size, "language": options.language},
        "short_context": tuned_for_short_context(folder),
        "onnxruntime": onnxruntime.__version__,
        "machine": processor().machine,
        "features": list(processor().features),
        "files": {},
    }
    return build, about


def finish(place: Path, about: About) -> None:
    """Write compiled.json with the checksums of all files."""
    (place / COMPILED).unlink()
    tell(place, {**about, "files": dict(digests(place))})


def _measured(build: Build, about: About, folder: Path, progress: Say) -> About:
    threads = available_threads()
    variants = build.write()
    figures = {
        hearing: _timed(build, graphs, hearing, about, threads) for hearing, graphs in variants.items()
    }
    chosen = min(figures, key=lambda hearing: figures[hearing])
    progress(f"{figures[chosen]:.2f} ms a token of a short command on {threads} threads")
    about |= {"attention": {"chosen": chosen, "milliseconds": figures}}
    build.put(variants[chosen], about)
    if build.scores_again:
        features = seeded_features(folder, build.sizes, SHARES_LISTENED_TO)
        about["score_again_within"] = SURE * error_of_scores(build.place, build.sizes, features, threads)
    build.put(variants[chosen], about)
    return about


def _timed(build: Build, graphs: Graphs, hearing: Hearing, about: About, threads: int) -> float:
    build.put(graphs, about | {"attention": {"chosen": hearing}})
    return step_milliseconds(build.place, build.sizes, threads)
