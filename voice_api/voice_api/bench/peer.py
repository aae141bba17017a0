"""An engine in a process of its own that hears when a line of JSON tells it to; here, the peers as such.

Run by the Python that has the peers, which need not have voice-api: only the standard library is imported.
python -P peer.py faster-whisper MODEL '{"threads": 2, "compute_type": "int8"}'
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

LANGUAGE = "en"
PROMPT_TOKENS = 4

Reply = Mapping[str, object]
Hear = Callable[[Mapping[str, Any]], Reply]


def take_turns(load: Callable[[], tuple[Hear, Reply]]) -> None:
    """Load, say so, then answer each line on stdin with one on stdout, until stdin ends.

    Whatever the engine prints goes to stderr. Each reply has milliseconds, and the memory of the process.
    """
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "w", buffering=1) as out:
        (hear, about), milliseconds = timed(load)
        out.write(json.dumps({**about, "milliseconds": milliseconds, **memory()}) + "\n")
        for line in sys.stdin:
            reply = hear(json.loads(line))
            out.write(json.dumps({**reply, **memory()}) + "\n")


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What `act` returns, and how many milliseconds it took."""
    started = time.perf_counter()
    result = act()
    return result, (time.perf_counter() - started) * 1e3


def memory() -> dict[str, int]:
    """Resident bytes of this process now and at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {
        line.split()[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))
    }
    return {"resident_bytes": found["VmRSS:"], "peak_bytes": found["VmHWM:"]}


def faster_whisper(model: Path, settings: Mapping[str, Any]) -> tuple[Hear, Reply]:
    """Greedy, one temperature, no timestamps, no thresholds: the least work it can be asked for.

    CTranslate2 writes at most half of the length it is given, so that twice as much is asked for.
    """
    module, numpy = import_module("faster_whisper"), import_module("numpy")
    loaded = module.WhisperModel(
        str(model), device="cpu", compute_type=settings["compute_type"], cpu_threads=settings["threads"]
    )

    def words(sound: Any, tokens: int) -> Any:
        segments, _ = loaded.transcribe(
            sound,
            language=LANGUAGE,
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            suppress_tokens=None,
            max_new_tokens=2 * tokens - PROMPT_TOKENS,
        )
        return list(segments)

    def hear(request: Mapping[str, Any]) -> Reply:
        sound = numpy.load(request["sound"])
        segments, milliseconds = timed(lambda: words(sound, request["tokens"]))
        text = "".join(segment.text for segment in segments).strip()
        count = sum(len(segment.tokens) for segment in segments)
        return {"milliseconds": milliseconds, "tokens": count, "text": text}

    versions = {name: metadata.version(name) for name in ("faster-whisper", "ctranslate2")}
    return hear, {"versions": versions, "build": ""}


def whisper_cpp(model: Path, settings: Mapping[str, Any]) -> tuple[Hear, Reply]:
    """Greedy, one temperature, no timestamps; `audio_positions` shortens what the encoder hears.

    It takes one token more than its limit, so that one less is asked for.
    """
    module, binding = import_module("pywhispercpp.model"), import_module("_pywhispercpp")
    numpy = import_module("numpy")
    loaded = module.Model(
        str(model),
        redirect_whispercpp_logs_to=None,
        context_params={"flash_attn": settings["flash_attention"], "use_gpu": False},
        n_threads=settings["threads"],
        language=LANGUAGE,
        no_timestamps=True,
        single_segment=True,
        no_context=True,
        n_max_text_ctx=0,
        temperature=0.0,
        temperature_inc=0.0,
        greedy={"best_of": 1},
        print_progress=False,
        print_realtime=False,
        print_timestamps=False,
    )

    def hear(request: Mapping[str, Any]) -> Reply:
        sound = numpy.load(request["sound"])
        limits = {"max_tokens": request["tokens"] - 1, "audio_ctx": request.get("audio_positions", 0)}
        segments, milliseconds = timed(lambda: loaded.transcribe(sound, **limits))
        count = sum(binding.whisper_full_n_tokens(loaded._ctx, index) for index in range(len(segments)))
        text = " ".join(segment.text for segment in segments)
        return {"milliseconds": milliseconds, "tokens": count, "text": text}

    versions = {"pywhispercpp": metadata.version("pywhispercpp")}
    return hear, {"versions": versions, "build": " ".join(str(binding.whisper_print_system_info()).split())}


def main(words: list[str]) -> None:
    engines = {"faster-whisper": faster_whisper, "whisper.cpp": whisper_cpp}
    engine, model, settings = words
    take_turns(lambda: engines[engine](Path(model), json.loads(settings)))


if __name__ == "__main__":
    main(sys.argv[1:])
