"""kvx verify: speaks to the voice API as sound, and compares what it heard and did."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from kvx.commands.flags import Folder, Json, Target, deployment_from
from kvx.steps.releases import VerifyCluster
from kvx.steps.service import SpeakAndCompare
from kvx.targets import plan_for

SCHEMA = "kvx/verify/v1"
STAGES = (
    *("decode_audio", "vad", "features", "encode", "decode", "decode_names"),
    *("interpret", "act", "speak", "total"),
)
BAR_WIDTH = 30


def verify(target: Target = None, folder: Folder = None, *, as_json: Json = False) -> None:
    """Speak a sentence to the voice API; fail unless it heard those words and did what they mean.

    In a cluster also: what runs is what was released, the Service leads to it, its figures can be read, and
    quota, pod security, rights and network policies are in force; each line says pass, fail or not shown.
    """
    from kvx.commands.verify_cluster import verify_cluster

    for step in plan_for(deployment_from(folder, target)).steps:
        if isinstance(step, SpeakAndCompare):
            _ask(step, as_json=as_json)
        elif isinstance(step, VerifyCluster):
            verify_cluster(step, SCHEMA, as_json=as_json)


def _ask(step: SpeakAndCompare, *, as_json: bool) -> None:
    from kvx.drivers.speaking import difference, turn
    from kvx.world import real_world

    data = turn(step, real_world())
    wrong = difference(step, data)
    if not as_json:
        print("\n".join(lines_of(data)))
        if data["notice"]:
            print(data["notice"], file=sys.stderr)
        if wrong:
            raise wrong
        return
    told = {"event": "error", "error": wrong.message, "fix": wrong.fix} if wrong else {}
    code = int(wrong.exit_code) if wrong else 0
    print(json.dumps({"schema": SCHEMA, "same": wrong is None, **data, **told, "exit_code": code}))
    if wrong:
        raise typer.Exit(code)


def lines_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What was spoken, heard, meant and answered, then where the time went."""
    sure = "" if data["confidence"] is None else f"   ({data['confidence']:.0%} sure)"
    return (
        f"spoken    {data['spoken']}   (voice {data['voice']})",
        f"heard     {data['heard'] or 'nothing'}{sure}",
        f"intent    {data['intent'] or 'none'}",
        f"answer    {data['reply']}",
        "",
        *_time_line(data["timings_ms"]),
    )


def _time_line(timings_ms: Mapping[str, float]) -> Iterator[str]:
    """One row per stage: its name, its time, and a bar that begins where the one before ended."""
    total = max(timings_ms.get("total", 0.0), 0.001)
    passed = 0.0
    for stage in STAGES:
        if stage not in timings_ms:
            continue
        milliseconds = timings_ms[stage]
        begin = 0 if stage == "total" else round(passed / total * BAR_WIDTH)
        length = max(1, round(milliseconds / total * BAR_WIDTH))
        bar = " " * min(begin, BAR_WIDTH - 1) + "#" * min(length, BAR_WIDTH)
        yield f"{stage:<13}{milliseconds:8.1f} ms  {bar}"
        passed += milliseconds
