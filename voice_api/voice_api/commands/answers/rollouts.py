"""Answers about rollouts: how far one is, and which revisions there were."""

from collections.abc import Iterable

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.answers.objects import found
from voice_api.commands.answers.reading import (
    condition,
    images,
    in_place,
    name_of,
    namespace_of,
    ready,
    selector,
    short,
    spec,
    status,
    updated,
    wanted,
)
from voice_api.commands.functions import DATA_ITEMS, SPOKEN_ITEMS, Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.wording import at_most, listed, number

REVISION = "deployment.kubernetes.io/revision"


def rollout_status(cluster: Cluster, call: Call) -> Answer:
    """Say how far the rollout of a workload is."""
    item, kind = found(cluster, call)
    who = f"{name_of(item)}{in_place(namespace_of(item))}"
    many, new, well = wanted(item), updated(item), ready(item)
    paused = bool(spec(item).get("paused"))
    stuck = condition(item, "Progressing").get("reason") == "ProgressDeadlineExceeded"
    seen = int(status(item).get("observedGeneration") or 0) >= int(item["metadata"].get("generation") or 0)
    done = seen and not paused and new >= many and well >= many
    data = {"kind": kind, "wanted": many, "updated": new, "ready": well, "done": done,
            "paused": paused, "stuck": stuck}  # fmt: skip
    far = f"{number(new)} of {number(many)} pods are updated and {number(well)} ready"
    if done:
        return Answer(f"The rollout of {who} is done: {number(well)} of {number(many)} pods are ready.", data)
    how = "is paused" if paused else "is stuck" if stuck else "goes on"
    return Answer(f"The rollout of {who} {how}: {far}.", data)


def rollout_history(cluster: Cluster, call: Call) -> Answer:
    """Say which revisions of a workload there were."""
    item, kind = found(cluster, call)
    who = f"{name_of(item)}{in_place(namespace_of(item))}"
    history = "replicaset" if kind == "deployment" else "controllerrevision"
    every = cluster.explorer.objects(history, namespace_of(item), selector(item))
    owned = [each for each in every if _owned(each, item)]
    revisions = sorted(_revisions(owned), key=lambda each: -each[0])
    told = [{"revision": number_, "images": list(runs)} for number_, runs in revisions[:DATA_ITEMS]]
    data = {"kind": kind, "count": len(revisions), "revisions": told}
    if not revisions:
        return Answer(f"I know no revisions of {who}.", data)
    said = [f"revision {each}{_runs(runs)}" for each, runs in revisions]
    some = "one revision" if len(revisions) == 1 else f"{number(len(revisions))} revisions"
    return Answer(f"There {'is' if len(revisions) == 1 else 'are'} {some} of {who}: "
                  f"{'; '.join(at_most(said, SPOKEN_ITEMS))}.", data)  # fmt: skip


def _owned(item: Item, workload: Item) -> bool:
    owners: Iterable[Item] = item["metadata"].get("ownerReferences") or ()
    uid = workload["metadata"].get("uid")
    return any(
        each.get("controller") and each.get("name") == name_of(workload) and each.get("uid", uid) == uid
        for each in owners
    )


def _revisions(owned: Iterable[Item]) -> list[tuple[int, tuple[str, ...]]]:
    """The number of each revision and what it runs, where that is a number."""
    found_: list[tuple[int, tuple[str, ...]]] = []
    for each in owned:
        annotated = (each["metadata"].get("annotations") or {}).get(REVISION)
        revision = str(each.get("revision") or annotated or "")
        template = each.get("data") if "data" in each else each
        if revision.isdigit():
            found_.append((int(revision), images(template or {})))
    return found_


def _runs(runs: tuple[str, ...]) -> str:
    return f" with {listed([short(each) for each in runs])}" if runs else ""
