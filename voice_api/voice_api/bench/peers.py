"""The engines to compare with: which are installed, their settings, and the same weights in their formats."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voice_api.bench.checkpoint import read_weights
from voice_api.bench.ggml import Precision, write_ggml
from voice_api.bench.worker import Command, program_output
from voice_api.errors import VoiceApiError

HERE = Path(__file__).parent
FASTER_WHISPER, WHISPER_CPP = "faster-whisper", "whisper.cpp"
FITTED = "fitted context"
PACKAGES = {FASTER_WHISPER: ("faster_whisper",), WHISPER_CPP: ("pywhispercpp",)}
LOOK_SECONDS, CONVERT_SECONDS = 60.0, 300.0
POSITIONS_PER_SECOND = 50
POSITIONS_STEP = 64
"""Widths that whisper.cpp's kernels like; what is fitted is rounded up to it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One engine with settings.

    positions  how many the encoder of a peer hears of so many seconds, 0 all
    trained    our engine takes the model for one that was trained on short sounds (ACFT)
    """

    engine: str
    label: str
    command: Command
    positions: Callable[[float], int] = field(default=lambda _: 0)
    trained: bool = False

    @property
    def name(self) -> str:
        return f"{self.engine} {self.label}".strip()

    def differs(self, seconds: float) -> bool:
        """Whether it is another setting than that without a fitted context."""
        return self.positions is not fitted or fitted(seconds) > 0


def installed(python: str) -> tuple[str, ...]:
    """Which peers that Python has; VoiceApiError where it cannot be started."""
    packages = [package for names in PACKAGES.values() for package in names]
    question = (
        "import importlib.util, sys\n"
        "print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name)))"
    )
    found = program_output((python, "-c", question, *packages), LOOK_SECONDS)
    if found is None:
        fix = "give --peers the path of a Python 3.11 or newer"
        raise VoiceApiError("python_missing", f"{python} cannot be started", fix)
    return tuple(engine for engine, names in PACKAGES.items() if set(names) <= set(found.split()))


def variants(python: str, checkpoint: Path, work: Path, threads: int) -> Iterator[Variant]:
    """Every installed peer at each setting that may be its fastest, the weights converted for it."""
    engines = installed(python)
    if FASTER_WHISPER in engines:
        folder = for_ctranslate2(python, checkpoint, work / "ctranslate2")
        for kind in ("int8", "float32"):
            settings = {"threads": threads, "compute_type": kind}
            yield Variant(FASTER_WHISPER, kind, _command(python, FASTER_WHISPER, folder, settings))
    if WHISPER_CPP in engines:
        for precision in ("f16", "q8_0"):
            file = for_whisper_cpp(checkpoint, work / f"ggml-{precision}.bin", precision)
            for flash in (True, False):
                settings = {"threads": threads, "flash_attention": flash}
                command = _command(python, WHISPER_CPP, file, settings)
                label = f"{precision}, {'with' if flash else 'without'} flash attention"
                yield Variant(WHISPER_CPP, label, command)
                yield Variant(WHISPER_CPP, f"{label}, {FITTED}", command, fitted)


def fitted(seconds: float) -> int:
    """Positions for so many seconds, no margin; all of them where that is as much."""
    needed = -(-round(seconds * POSITIONS_PER_SECOND) // POSITIONS_STEP) * POSITIONS_STEP
    return needed if needed < 30 * POSITIONS_PER_SECOND else 0


def for_ctranslate2(python: str, checkpoint: Path, target: Path) -> Path:
    """The checkpoint as a CTranslate2 folder, converted once."""
    if not target.is_dir():
        weights = target.with_suffix(".npz")
        np.savez(weights, **read_weights(checkpoint))  # type: ignore[arg-type]  # numpy's stub wants bool
        script = str(HERE / "to_ctranslate2.py")
        converted = program_output(
            (python, "-P", script, str(weights), str(checkpoint), str(target)), CONVERT_SECONDS
        )
        weights.unlink()
        if converted is None:
            fix = f"see what it says: {python} -P {script}"
            raise VoiceApiError("not_converted", f"{checkpoint} could not be converted for CTranslate2", fix)
    return target


def for_whisper_cpp(checkpoint: Path, target: Path, precision: Precision) -> Path:
    """The checkpoint as whisper.cpp's file, converted once."""
    if not target.exists():
        unfinished = target.with_suffix(".unfinished")
        write_ggml(checkpoint, unfinished, precision)
        unfinished.rename(target)
    return target


def _command(python: str, engine: str, model: Path, settings: Mapping[str, object]) -> Command:
    argv = (python or sys.executable, "-P", str(HERE / "peer.py"), engine, str(model), json.dumps(settings))
    return Command(engine, argv)
