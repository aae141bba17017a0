"""A report as Markdown tables for a person."""

from collections.abc import Iterable, Iterator, Sequence

from voice_api.bench.figures import Costs, Heard, Memory, ModelReport, Report, Spread, Workload

OURS = "voice-api"
TUNED = "as a model for short sounds"
"""A model trained on sound of any length (ACFT) needs less silence after an utterance than a stock one."""

MEBI = 1 << 20
STAGES = {
    "decode file": "decode a 16 kHz WAV file",
    "resample": "resample from 48 kHz",
    "vad": "voice activity",
    "features": "log-mel",
    "encode": "encoder with cross keys and values",
    "decode": "decode loop",
    "per token": "per token",
}


def markdown(report: Report) -> str:
    parts = [_head(report), *(part for model in report.models for part in _model(model))]
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    lines = [
        f"{report.date}, {machine['processor']} ({machine['architecture']}), {machine['threads']} threads",
        f"Int8 kernel: {machine['int8_kernel']}. {_sentence(str(machine['cores_because']))}",
        versions,
        *(f"Not measured: {what}" for what in report.missing),
    ]
    return "\n\n".join(lines)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _model(model: ModelReport) -> Iterator[str]:
    yield f"## {model.name}"
    for workload in dict.fromkeys(each.workload for each in model.heard):
        yield _compared(workload, [each for each in model.heard if each.workload == workload])
    staged = [each for each in model.heard if each.stages]
    if staged:
        yield _stages(staged)
    if model.memory:
        yield _memory(model.memory)
    if model.costs and staged:
        yield _limits(model.costs, staged)


def _compared(workload: Workload, heard: Sequence[Heard]) -> str:
    """Each engine, and how long ours takes beside it."""
    ours = next((each for each in heard if each.engine == OURS), None)
    rows = [
        (
            each.engine,
            _spread(each.milliseconds),
            f"{each.tokens}",
            f"{each.real_time_factor:.3f}",
            f"{ours.milliseconds.median / each.milliseconds.median:.2f}" if ours else "",
        )
        for each in sorted(heard, key=lambda each: each.milliseconds.median)
    ]
    titles = (
        f"{workload}, sound to words",
        "median (least to most) ms",
        "tokens",
        "real-time factor",
        "ours beside it",
    )
    return table(titles, rows)


def _stages(heard: Sequence[Heard]) -> str:
    rows = [
        (title, *(f"{each.stages[name]:.2f}" if name in each.stages else "" for each in heard))
        for name, title in STAGES.items()
    ]
    rows.append(("decode loop outside onnxruntime", *(f"{outside(each):.1f} %" for each in heard)))
    return table(("stage, ms", *(_column(each) for each in heard)), rows)


def _column(heard: Heard) -> str:
    return f"{heard.workload}{heard.engine.removeprefix(OURS).replace(' ', ', ', 1)}"


def outside(heard: Heard) -> float:
    """Percent of the decode loop that is not spent in onnxruntime."""
    whole, within = heard.stages.get("decode", 0.0), heard.stages.get("decode within onnxruntime", 0.0)
    return 100.0 * (whole - within) / whole if whole else 0.0


def _memory(memory: Sequence[Memory]) -> str:
    workloads = list(memory[0].after)
    rows = [
        (
            each.engine,
            f"{each.loaded / MEBI:.0f}",
            *(f"{now / MEBI:.0f} ({most / MEBI:.0f})" for now, most in each.after.values()),
            _spread(each.first_answer_ms),
        )
        for each in memory
    ]
    titles = ("resident MiB, fresh process", "loaded", *(f"after {name} (peak)" for name in workloads))
    return table((*titles, "start to first answer, ms"), rows)


def _limits(costs: Costs, heard: Sequence[Heard]) -> str:
    token_ms = costs.token_bytes / costs.read_bytes_per_second * 1e3
    position_us = costs.position_operations / costs.operations_per_second * 1e6
    measured = heard[0].stages.get("per token", 0.0)
    rows = [
        ("bytes read per token", f"{costs.token_bytes / 1e6:.1f} MB"),
        ("this machine reads, int8 vector product", f"{costs.read_bytes_per_second / 1e9:.1f} GB/s"),
        ("so a token takes at least", f"{token_ms:.2f} ms (measured {measured:.2f})"),
        ("operations per encoder position", f"{costs.position_operations / 1e6:.1f} M"),
        ("this machine computes, int8", f"{costs.operations_per_second / 1e9:.0f} G/s"),
        ("so a position takes at least", f"{position_us:.1f} µs"),
    ]
    return table(("limit", "figure"), rows)


def _spread(spread: Spread) -> str:
    digits = 0 if spread.median >= 100 else 1
    return f"{spread.median:.{digits}f} ({spread.least:.{digits}f} to {spread.most:.{digits}f})"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
