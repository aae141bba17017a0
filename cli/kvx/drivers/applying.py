"""Applies objects to a cluster so that a new version serves: looked at first, in order, pruned, recorded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from kvx.cluster.applyset import Reach, member, parent, reach_of
from kvx.cluster.charts import Fitting, left_out_words
from kvx.cluster.difference import Change, hunks, summary
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.order import Object, ground, key_of, ordered
from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import Made, Release, configuration_hash
from kvx.drivers import charts, members, releases
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_lease import Held, held_lease
from kvx.drivers.comparing import compared, defined_by, yaml_of
from kvx.drivers.rollout import Before
from kvx.drivers.waiting import wait_until
from kvx.errors import KvxError
from kvx.world import Outcome, World

ESTABLISH_SECONDS = 60.0
QUOTA_SECONDS = 30.0
QUOTA = "ResourceQuota"
MOST_LINES = 60
# Applied before the rest is compared with what is there.
LOOKED_AT_LATER = frozenset({"Namespace", "CustomResourceDefinition", "HelmChart"})


class Serving(Protocol):
    """How it is known that a version serves, and what happens where it does not; tests have their own."""

    def before(self, api: Api, objects: Sequence[Object]) -> Before: ...

    def serves(self, api: Api, objects: Sequence[Object]) -> bool: ...

    def await_serving(
        self, api: Api, objects: Sequence[Object], deadline_seconds: float, world: World
    ) -> Mapping[str, object]: ...

    def undo_once(
        self,
        api: Api,
        before: Before,
        put: Callable[[Sequence[Object]], object],
        reason: KvxError,
        *,
        deadline_seconds: float,
        world: World,
    ) -> NoReturn: ...


@dataclass(frozen=True, slots=True)
class How:
    """What applying follows; each deadline is that of one rollout."""

    revisions_kept: int
    lease_wait_seconds: float
    serving_seconds: float
    serving: Serving


def difference(api: Api, objects: Sequence[Object]) -> tuple[Change, ...]:
    """What applying these objects would change now, by the server's own dry run; nothing is written.

    Charts are none of it where the cluster does not know any.
    """
    objects = charts.fitting(api, objects).objects
    kept = members.kept(api, NAMESPACE)
    wanted = [member(each, NAMESPACE) for each in ordered(objects)]
    changes = tuple(_looked_at(api, (*wanted, _parent(objects)), objects))
    return (*changes, *(members.removal(each) for each in members.beyond(api, NAMESPACE, objects, kept)))


def _looked_at(api: Api, wanted: Sequence[Object], objects: Sequence[Object]) -> Iterator[Change]:
    """In their order, in which quotas come before what they have to have room for."""
    coming, quota_changes = defined_by(objects), False
    for each in wanted:
        if change := compared(api, each, coming, quota_changes=quota_changes):
            quota_changes = quota_changes or each["kind"] == QUOTA
            yield change


def settled(api: Api, objects: Sequence[Object], serving: Serving) -> bool:
    """Whether nothing differs, the newest release is this one, and it serves."""
    if difference(api, objects):
        return False
    newest, fit = releases.latest(api, NAMESPACE), charts.fitting(api, objects)
    return newest is not None and _is_of(newest, fit) and serving.serves(api, fit.objects)


def roll_out(api: Api, objects: Sequence[Object], made: Made, how: How, world: World) -> Outcome:
    """Apply the objects, wait until they serve, prune and record; raises a KvxError with the reason."""
    fit = charts.fitting(api, objects)
    objects, told = fit.objects, (left_out_words(fit.left_out),) if fit.left_out else ()
    for words in told:
        world.progress(words)
    _make_namespace(api, objects, world)
    with held_lease(api, NAMESPACE, how.lease_wait_seconds, world) as held:
        before = how.serving.before(api, objects)
        apply_ground(api, objects, held, world)
        changes = difference(api, objects)
        _tell(changes, world)
        apply_changed(api, objects, changes, held, world)
        try:
            data = how.serving.await_serving(api, objects, how.serving_seconds, world)
        except KvxError as reason:
            put = _putting(api, held, world)
            seconds = how.serving_seconds
            how.serving.undo_once(api, before, put, reason, deadline_seconds=seconds, world=world)
        held.check()
        release = _recorded(api, fit, made, how)
        prune(api, objects, held, world)
    lines = (summary(changes), *(f"{each.kind:<8} {each.words}" for each in changes), *told)
    left_out = {"left_out": list(fit.left_out)} if fit.left_out else {}
    return Outcome(changed=True, lines=lines, data={**data, **left_out, "release": release.revision})


def apply_ground(api: Api, objects: Sequence[Object], held: Held, world: World) -> None:
    """What the server has to have before it can look at the rest: namespaces, definitions, and charts that
    bring some."""
    first, _ = ground(ordered(objects))
    for each in first:
        _apply_one(api, each, held)
    definitions = [each for each in first if each["kind"] == "CustomResourceDefinition"]
    for each in definitions:
        if not wait_until(lambda each=each: _established(api, each), ESTABLISH_SECONDS, world):  # type: ignore[misc]
            name = each["metadata"]["name"]
            message = f"the definition {name} was not established within {ESTABLISH_SECONDS:.0f} s"
            raise KvxError(message, f"kubectl describe customresourcedefinition {name}")
    if coming := charts.pending(api, objects):
        _widen(api, objects, held)
        for each in coming:
            _apply_one(api, each, held)
        charts.await_brought(api, coming, objects, held, world)


def apply_changed(
    api: Api, objects: Sequence[Object], changes: Sequence[Change], held: Held, world: World
) -> None:
    """What differs, in order; the parent of the set first says all that was and will be in it."""
    changed = {each.key for each in changes if each.kind != "removed"}
    _widen(api, objects, held, anyway=key_of(_parent(objects)) in changed)
    _, others = ground(ordered(objects))
    for each in others:
        if key_of(each) in changed:
            if world.stop_requested():
                raise members.stopped()
            seconds = QUOTA_SECONDS if QUOTA in {each.key[1] for each in changes} else 0
            _apply_within_quota(api, each, held, world, seconds)


def _widen(api: Api, objects: Sequence[Object], held: Held, *, anyway: bool = False) -> None:
    """Let the parent of the set say all that was and will be in it."""
    narrow = members.reach(api, NAMESPACE)
    wide = narrow | _reach(objects)
    if wide != narrow or anyway:
        _apply_one(api, parent(NAMESPACE, wide, members.TOOL), held, marked=False)


def prune(api: Api, objects: Sequence[Object], held: Held, world: World) -> None:
    """Delete what is of the set and no longer wanted, then let the parent say what is left."""
    for each in members.beyond(api, NAMESPACE, objects, members.kept(api, NAMESPACE)):
        held.check()
        world.progress(f"delete {each['kind']} {each['metadata']['name']}, which is no longer wanted")
        api.delete(api.path_of(each), uid=each["metadata"]["uid"])
    if members.reach(api, NAMESPACE) != _reach(objects):
        _apply_one(api, _parent(objects), held, marked=False)


def _make_namespace(api: Api, objects: Sequence[Object], world: World) -> None:
    """The lease needs it; where it is there already, the lease comes first."""
    for each in objects:
        if key_of(each) == ("", "Namespace", "", NAMESPACE):
            if not wait_until(lambda each=each: not _ending(api, each), ESTABLISH_SECONDS, world):  # type: ignore[misc]
                message = f"the namespace {NAMESPACE} is being deleted, and has not gone"
                raise KvxError(message, f"kubectl describe namespace {NAMESPACE}, then run it again")
            if api.find(each) is None:
                api.apply(member(each, NAMESPACE))


def _ending(api: Api, namespace: Object) -> bool:
    live = api.find(namespace)
    return live is not None and "deletionTimestamp" in live["metadata"]


def _apply_one(api: Api, item: Object, held: Held, *, marked: bool = True) -> None:
    held.check()
    wanted = member(item, NAMESPACE) if marked else item
    if item.get("kind") not in LOOKED_AT_LATER or compared(api, wanted):
        api.apply(wanted)


def _apply_within_quota(api: Api, item: Object, held: Held, world: World, seconds: float) -> None:
    """A quota that was changed counts once its controller has seen it, which takes a moment."""
    end = world.monotonic() + seconds
    while True:
        try:
            _apply_one(api, item, held)
            break
        except ApiError as error:
            if not error.over_quota or world.monotonic() >= end or world.stop_requested():
                raise
            world.sleep(1)


def _putting(api: Api, held: Held, world: World) -> Callable[[Sequence[Object]], object]:
    """Applies objects as above, without waiting: how an earlier release is put back."""

    def put(objects: Sequence[Object]) -> None:
        objects = charts.fitting(api, objects).objects
        apply_ground(api, objects, held, world)
        apply_changed(api, objects, difference(api, objects), held, world)
        prune(api, objects, held, world)

    return put


def _recorded(api: Api, fit: Fitting, made: Made, how: How) -> Release:
    """The release as it is kept; a run that was killed after it was kept does not keep it twice."""
    newest = releases.latest(api, NAMESPACE)
    if newest is not None and _is_of(newest, fit) and not made.rollback_of:
        return newest
    return releases.record(api, NAMESPACE, fit.objects, made, how.revisions_kept, left_out=fit.left_out)


def _is_of(release: Release, fit: Fitting) -> bool:
    """Whether it is of these objects, and says what was left out."""
    return release.configuration == configuration_hash(fit.objects) and release.left_out == fit.left_out


def _reach(objects: Sequence[Object]) -> Reach:
    """Of these objects, and of settings that are kept for releases to go back to."""
    return reach_of(objects, NAMESPACE) | Reach(frozenset({"ConfigMap"}), frozenset())


def _parent(objects: Sequence[Object]) -> dict[str, object]:
    return parent(NAMESPACE, _reach(objects), members.TOOL)


def _established(api: Api, definition: Object) -> bool:
    live = api.find(definition) or {}
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _tell(changes: Sequence[Change], world: World) -> None:
    lines = [
        line for each in changes if each.kind == "changed" for line in (each.words, *hunks(each, yaml_of))
    ]
    for line in lines[:MOST_LINES]:
        world.progress(line)
    if len(lines) > MOST_LINES:
        world.progress(f"and {len(lines) - MOST_LINES} lines more")
