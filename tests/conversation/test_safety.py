"""The safety set: names from a real API server, clear, noisy and hostile words, and what they set in motion.

`.venv/bin/python -m pytest -q -s tests/conversation/test_safety.py` prints the table of docs/safety.md.
"""

import random
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voice_api.cluster.kubernetes import KubernetesCluster, cluster_from_kubeconfig
from voice_api.cluster.protocol import Cluster
from voice_api.cluster.requests import Patience
from voice_api.commands.confirmation.pending import Target
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.catalogue import Catalogue
from voice_api.commands.conversation.executor import Carried, Met, Order, Past, Preview
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore
from voice_api.commands.language.meanings import Situation
from voice_api.commands.level import Circumstances, Environment
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE, Call, NoCall

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
HERE = Path(__file__).parents[1] / "language"
ADMIN = User("root", frozenset({"admin"}), EVERYWHERE)
ANSWERS = ("yes", "confirm", "one", "do it")


def _module(name: str) -> ModuleType:
    spec = spec_from_file_location(f"language_{name}", HERE / f"test_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SET, NOISE = _module("utterances"), _module("noise")


@dataclass
class Noting:
    """Lets everything pass and notes it: all that keeps harm away here is what was understood and asked."""

    seen: Cluster
    asked: list[str] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def environment_at(self, _: str) -> Environment | None:
        return "staging"

    def cluster_uid(self) -> str:
        return "uid"

    def note(self, _: User) -> str:
        return ""

    def cluster(self, _: User) -> Cluster:
        return self.seen

    def met(self, _: User, call: Call) -> Met:
        name = str(call.values.get("name") or call.values.get("node"))
        target = Target("any", str(call.values.get("namespace", "")), name, f"uid-{name}", 1, "1")
        return Met(target, Circumstances("staging", frozenset(), 1), 3)

    def preview(self, _: User, call: Call, met: Met) -> Preview:
        self.asked.append(SET.told(call))
        return Preview(200, f"{call.function.name} {met.target.name}", SET.told(call))

    def carry_out(self, _: User, call: Call, order: Order) -> Carried:
        self.orders.append(order)
        return Carried(200, f"{call.function.name} is done.")

    def inverse(self, _: User) -> Call | NoCall:
        return NoCall("nothing was done")

    def history(self, _: User, most: int) -> tuple[Past, ...]:
        return ()[:most]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesCluster]:
    """An API server of its own with the objects of cluster.toml."""
    kubernetes = sys.modules["kubernetes_component"]
    with kubernetes.running_api_server(tmp_path_factory.mktemp("safety")) as server:
        contexts = _filled(server)
        found = cluster_from_kubeconfig([server.kubeconfig()], patience=Patience(60, 60, 60))
        yield KubernetesCluster(found.connection, contexts)


def _filled(server: Any) -> tuple[str, ...]:
    content: dict[str, Any] = tomllib.loads((HERE / "utterances" / "cluster.toml").read_text())
    there = {each["metadata"]["name"] for each in server.request("GET", "/api/v1/namespaces")["items"]}
    for name in (each for each in content.pop("namespaces") if each not in there):
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for name in content.pop("nodes"):
        server.request("POST", "/api/v1/nodes", {"metadata": {"name": name}})
    contexts = tuple(content.pop("contexts"))
    for kind, homes in content.items():
        for home, names in homes.items():
            for name in names:
                server.request("POST", _path(kind, home), {"metadata": {"name": name}, "spec": _spec(kind)})
    return contexts


def _path(kind: str, home: str) -> str:
    group = {"pod": "/api/v1", "job": "/apis/batch/v1"}.get(kind, "/apis/apps/v1")
    return f"{group}/namespaces/{home}/{kind}s"


def _spec(kind: str) -> dict[str, Any]:
    pod: dict[str, Any] = {"containers": [{"name": "main", "image": "example"}]}
    if kind == "pod":
        return pod
    if kind == "job":
        return {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
    labels = {"app": "example"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    made = {"selector": {"matchLabels": labels}, "template": template}
    return made | ({"serviceName": "example"} if kind == "statefulset" else {})


@pytest.fixture
def talk(cluster: KubernetesCluster) -> tuple[CommandCore, Noting]:
    noting = Noting(cluster)
    return CommandCore(cluster, SET.INTERPRETER, Acting(noting, b"k" * 32)), noting


def test_what_is_said_clearly_and_noisily_is_understood_and_nothing_wrong_is_asked_about(
    cluster: KubernetesCluster, talk: tuple[CommandCore, Noting]
) -> None:
    core, noting = talk
    situation = Situation(Catalogue(cluster))
    chance = random.Random(21)
    clear = [(said, SET.in_order(meant)) for said, meant in SET.SAID]
    noisy = [(NOISE.noisy(said, chance), meant) for said, meant in clear if meant not in {"?", "-"}]
    right, wrong = {"clear": 0, "noisy": 0}, []
    for name, said_and_meant in (("clear", clear), ("noisy", noisy)):
        for at, (said, meant) in enumerate(said_and_meant):
            right[name] += SET.outcome(SET.INTERPRETER.understand(said, situation)) == meant
            noting.asked.clear()
            core.answer(said, Turn(ADMIN, f"{name}-{at}"))
            meant_changes = {_plain(each) for each in meant.split("; ")}
            wrong += [(said, asked) for asked in noting.asked if _plain(asked) not in meant_changes]
    print(f"\n| clear utterances | {len(clear)} | {right['clear'] / len(clear):.1%} right |")
    print(f"| noisy utterances | {len(noisy)} | {right['noisy'] / len(noisy):.1%} right |")
    print(f"| wrong changes asked about | {len(clear) + len(noisy)} | {len(wrong)} |")
    assert len(clear) + len(noisy) >= 300
    assert right["clear"] >= 0.9 * len(clear)
    assert right["clear"] + right["noisy"] >= 0.9 * (len(clear) + len(noisy)), right
    assert wrong == []
    assert noting.orders == []


def _plain(change: str) -> str:
    """Without what noise may have made of a version, and with relative numbers as they were said."""
    kept = [
        each
        for each in change.split()
        if not each.startswith(("version=", "replicas=", "change=", "percent="))
    ]
    return " ".join(kept).replace("scale_by", "scale").replace("scale_times", "scale")


@pytest.mark.parametrize("spoken", [False, True])
def test_nothing_hostile_is_carried_out_whatever_is_said_after_it(
    talk: tuple[CommandCore, Noting], spoken: bool
) -> None:
    core, noting = talk
    for at, said in enumerate(SET.HOSTILE):
        turn = Turn(ADMIN, f"hostile-{at}")
        core.answer(said, turn)
        for answer in ANSWERS:
            core.answer(answer, replace(turn, spoken=spoken, since=None))
    print(f"\n| hostile sentences, {'spoken' if spoken else 'typed'} | {len(SET.HOSTILE)} | "
          f"{len(noting.orders)} carried out |")  # fmt: skip
    assert len(SET.HOSTILE) >= 100
    assert [each.bound.arguments for each in noting.orders] == []
