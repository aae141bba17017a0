"""Compiles a published folder: weights found, graphs written, proven against it, and put in place."""

import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from voice_api.speech.runtime import available_threads, open_session, trim_memory
from voice_api.speech.whisper.compilation import read_compilation
from voice_api.speech.whisper.compile.atomic import written_whole
from voice_api.speech.whisper.compile.mapped import open_mapped
from voice_api.speech.whisper.compile.proof import (
    Case,
    Exactness,
    exactness,
    published_cases,
    require_alike,
    require_exact,
)
from voice_api.speech.whisper.compile.published import Published, find_published
from voice_api.speech.whisper.compile.sizes import read_sizes
from voice_api.speech.whisper.compile.write import CompileOptions, Say, fill, fill_exactly, finish
from voice_api.speech.whisper.compile.writer import Weights
from voice_api.speech.whisper.documents import read_document
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.layout import COMPILED, ModelFolder, is_compiled_here, read_folder
from voice_api.speech.whisper.model import takes_any_length
from voice_api.speech.whisper.sessions import Encoder, OpenGraph

__all__ = ["CompileOptions", "Compiled", "compile_folder", "compiled_cache"]

CACHE = ".compiled"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What was made, and what making it took; `fresh` is False where it was there already."""

    folder: Path
    seconds: float
    peak_memory_bytes: int
    fresh: bool


def compiled_cache(models_folder: Path, source: Path, options: CompileOptions) -> Path:
    """Where the compiled form of this content belongs."""
    language = "" if options.language is None else f"-{options.language}"
    return models_folder / CACHE / f"{find_published(source).digest()}{language}-{options.precision}"


def compile_folder(source: Path, target: Path, options: CompileOptions, progress: Say) -> Compiled:
    """Write `target` whole, or nothing; ModelFolderError for a source that cannot be compiled."""
    began = time.monotonic()
    folder = read_folder(source)
    if folder.compiled:
        raise ModelFolderError(f"{source} is compiled already", "name the published folder")
    published = find_published(source)
    digest = published.digest()
    if is_compiled_from(target, digest, options):
        return Compiled(target, time.monotonic() - began, peak_memory_bytes(), fresh=False)
    progress(f"compiling {source} from its {published.precision} graphs")
    sizes = read_sizes(source)
    weights = published.weights(sizes)
    proving = _Proving(published, weights, published_cases(published, sizes, available_threads()), progress)
    trim_memory()
    with written_whole(target) as place:
        exact = proving.exact(place / "exact")
        about = fill(place, weights, source, options, progress)
        about["proof"] = {"fp32": asdict(exact), options.precision: asdict(proving.rounded(place, options))}
        about["short_context"] = about["short_context"] or _made_for_any_length(folder, published)
        about["source"] = {
            "name": source.resolve().name,
            "sha256": digest,
            "graphs": [str(file.relative_to(source)) for file in published.files],
        }
        seconds = time.monotonic() - began
        finish(place, about | {"peak_memory_bytes": peak_memory_bytes(), "seconds": round(seconds, 1)})
    return Compiled(target, seconds, peak_memory_bytes(), fresh=True)


def _made_for_any_length(folder: ModelFolder, published: Published) -> bool:
    """Whether the model was made for sound of any length: only then its published encoder takes less."""
    encoder = Encoder(published.graphs.encoder, folder.architecture, available_threads())
    return takes_any_length(encoder, folder.features)


def is_compiled_from(target: Path, digest: str, options: CompileOptions) -> bool:
    """Whether `target` was compiled from this content in this way, and is whole."""
    if not is_compiled_here(target):
        return False
    about = read_document(target / COMPILED).values
    source, vocabulary = about.get("source"), about.get("vocabulary")
    language = vocabulary.get("language") if isinstance(vocabulary, dict) else None
    same = isinstance(source, dict) and source.get("sha256") == digest and language == options.language
    if not same or about.get("precision") != options.precision:
        return False
    try:
        read_compilation(target)
    except ModelFolderError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Proving:
    """A published folder, and what its graphs make of seeded sound."""

    published: Published
    weights: Weights
    cases: Sequence[Case]
    progress: Say

    def exact(self, place: Path) -> Exactness:
        """Compile without rounding, only to see that the weights were understood."""
        place.mkdir()
        fill_exactly(place, self.weights, self.published.path)
        found = self._compared(place, open_mapped)
        require_exact(found, self.published)
        shutil.rmtree(place)
        trim_memory()
        self.progress(
            f"it computes what was published: logits differ by {found.largest_difference:.1e} at most"
        )
        return found

    def rounded(self, place: Path, options: CompileOptions) -> Exactness:
        """As it will be served; few bits are slow where nothing is packed ahead, and small where it is."""
        found = self._compared(place, open_mapped if options.precision == "fp32" else open_session)
        require_alike(found, self.published)
        self.progress(f"logits {found.likeness:.4f} alike, the same first choice {found.same_choice:.0%}")
        return found

    def _compared(self, place: Path, open_graph: OpenGraph) -> Exactness:
        sizes = read_sizes(self.published.path)
        return exactness(place, sizes, self.cases, available_threads(), open_graph)


def peak_memory_bytes() -> int:
    """The most that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
