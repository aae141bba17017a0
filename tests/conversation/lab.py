"""A small cluster in which changes happen in memory, by the rules that the API server keeps."""

import json
from dataclasses import dataclass, field, replace

from voice_api.cluster.protocol import Cluster, ClusterDescription, Item, Named
from voice_api.commands.confirmation.pending import Target
from voice_api.commands.conversation.executor import Carried, Event, Met, Order, Past, Preview
from voice_api.commands.level import Circumstances, Environment
from voice_api.commands.policy import User
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Call, NoCall, validated
from voice_api.errors import VoiceApiError


@dataclass
class Workload:
    """A deployment as far as these tests look at it."""

    replicas: int = 3
    uid: str = "uid-1"
    generation: int = 1


def fresh() -> dict[tuple[str, str], Workload]:
    names = (("shop", "cart"), ("shop", "checkout"), ("staging", "cart"), ("kube-system", "coredns"))
    return {name: Workload(uid=f"uid-{at}") for at, name in enumerate(names)}


@dataclass
class Lab:
    """A cluster, whoever acts in it, and the journal: what an Executor and a Recorder promise, in memory.

    refusals  HTTP statuses that the next dry runs and writes are answered with
    """

    objects: dict[tuple[str, str], Workload] = field(default_factory=fresh)
    environment: Environment | None = "staging"
    dry_runs: list[int] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    events: list[tuple[Event, bool, dict[str, object]]] = field(default_factory=list)
    uid: str = "uid-of-the-lab"
    contexts = ("lab", "field")

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("lab", demo=False)

    @property
    def explorer(self) -> "Lab":
        return self

    def named(self) -> tuple[Named, ...]:
        spaces = {namespace for namespace, _ in self.objects}
        return (
            *(Named("namespace", "", each) for each in sorted(spaces)),
            *(Named("deployment", *each) for each in sorted(self.objects)),
            *(Named("context", "", each) for each in self.contexts),
        )

    def objects_of(self, namespace: str | None) -> list[tuple[str, str]]:
        return [each for each in self.objects if namespace in {None, each[0]}]

    def one(self, kind: str, namespace: str, name: str) -> Item:
        found = self._found(namespace, name)
        status = {"readyReplicas": found.replicas, "replicas": found.replicas}
        metadata = {"name": name, "namespace": namespace}
        return {"metadata": metadata, "spec": {"replicas": found.replicas}, "status": status}

    def environment_at(self, _: str) -> Environment | None:
        return self.environment

    def cluster_uid(self) -> str:
        return self.uid

    def note(self, _: User) -> str:
        return ""

    def cluster(self, _: User) -> Cluster:
        return self  # type: ignore[return-value]  # as much of a cluster as is asked here

    def met(self, _: User, call: Call) -> Met:
        namespace, name = call.values["namespace"], call.values["name"]
        found = self._found(namespace, name)
        target = Target("deployment", namespace, name, found.uid, found.generation, str(found.generation))
        return Met(target, Circumstances(self.environment, frozenset({namespace}), 1), found.replicas)

    def preview(self, _: User, call: Call, met: Met) -> Preview:
        if self.dry_runs:
            return Preview(self.dry_runs.pop(0), why="The cluster says no.")
        change = f"{call.function.name} {call.values['name']} in {call.values['namespace']}"
        if "replicas" in call.values:
            change += f" from {met.replicas} to {call.values['replicas']} replicas"
        return Preview(200, change.replace("_", " "), json.dumps({"before": met.replicas, **call.values}))

    def carry_out(self, _: User, call: Call, order: Order) -> Carried:
        if self.writes:
            return Carried(self.writes.pop(0))
        key = (call.values["namespace"], call.values["name"])
        self.orders.append(order)
        if call.function.name.startswith("delete"):
            del self.objects[key]
        else:
            found = self.objects[key]
            wanted = call.values.get("replicas", found.replicas)
            self.objects[key] = replace(found, replicas=wanted, generation=found.generation + 1)
        return Carried(200, f"{key[1]} in {key[0]} is as you wished.")

    def inverse(self, _: User) -> Call | NoCall:
        if not self.orders or self.orders[-1].bound.function != "scale":
            return NoCall("nothing was scaled")
        target = self.orders[-1].bound.target
        arguments = {"name": target.name, "namespace": target.namespace, "replicas": 3}
        made = validated(BUILT_IN, "scale", arguments)
        return replace(made, kinds={"name": "deployment"}) if isinstance(made, Call) else made

    def history(self, _: User, most: int) -> tuple[Past, ...]:
        return tuple(
            Past(0.0, each.bound.function, f"{each.bound.function} {each.bound.target.name}", "done")
            for each in reversed(self.orders[-most:])
        )

    def record(self, event: Event, security: bool, content: dict[str, object]) -> None:
        self.events.append((event, security, content))

    def _found(self, namespace: str, name: str) -> Workload:
        found = self.objects.get((namespace, name))
        if found is None:
            raise VoiceApiError("not_found", f"There is no {name} in {namespace}.", "Look.", 404)
        return found
