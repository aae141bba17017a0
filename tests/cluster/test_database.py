"""Components postgres and cloud-engine on a real node: a ledger of all replicas, in a pod, and mended."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from typing_kvx import Person
from typing_volumes import volume_for

from kvx.cluster.pods import is_ready
from kvx.drivers.api_server import connect
from kvx.drivers.port_forward import forwarded
from kvx.world import real_world

pytestmark = [pytest.mark.needs("node", "images", "kubectl", "postgresql"), pytest.mark.timeout(900)]

PASSWORD = "correct-horse-0123456789"
ADDRESS = f"postgresql+psycopg://kvx:{PASSWORD}@postgres/kvx"
KEY, ENGINE_KEY = "key of ann", "sk-canary-of-far"
ENGINES = f"""
[engines.far]
kind = "openai"
address = "https://192.0.2.1/v1"   # nobody has this one, and no pod a way to it
tasks = ["listen"]
minutes = 1
[callers.ann]
keys_sha256 = ["{sha256(KEY.encode()).hexdigest()}"]
policy = "cloud"
consents = true
"""
USE_UP = """
import time
from pathlib import Path
from voice_api.engines.elsewhere import policy_of
from voice_api.engines.file import read_engines
from voice_api.usage.amounts import Amounts
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Ledger
from voice_api.usage.store import SqlStore, shared_engine
budgets = policy_of(read_engines(Path("/etc/kvx/voice/engines.toml")).tables).budgets
store = SqlStore(shared_engine(Path("/etc/kvx/ledger/url")))
ledger = Ledger(store, budgets, lambda: time.time_ns() // 1_000_000)
left = next(use.left for use in ledger.uses("far", "ann") if use.budget.unit == "milliseconds")
entry = ledger.reserve(Ask("the rest", "far", "ann", Amounts(0, left), 60_000)).entry
print(ledger.send(entry), ledger.settle(entry, entry.held).state)
"""
LEDGER = """
import pathlib, psycopg
address = pathlib.Path("/etc/kvx/ledger/url").read_text().replace("+psycopg", "")
with psycopg.connect(address, connect_timeout=20) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS trial (word TEXT)")
    connection.execute("INSERT INTO trial VALUES ('kept')")
    print(connection.execute("SELECT count(*) FROM trial").fetchone()[0])
"""


@pytest.fixture(scope="module")
def postgres_image(node: Any, postgresql_archive: Path) -> str:
    return str(node.take_image(postgresql_archive, "localhost/postgres"))


@pytest.fixture(scope="module")
def person(
    emptied: Callable[[], Any],
    voice_api_image: str,
    postgres_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Person]:
    """Nothing is deployed, but there is a volume, and a Secret with a password."""
    node = emptied()
    somebody = Person(node, tmp_path_factory.mktemp("postgres"), voice_api_image)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kvx"}}
    node.kubectl("apply", "--server-side", "--field-manager=ada", "-f", "-", text=json.dumps(space))
    for each in (
        secret("postgres", password=PASSWORD, url=ADDRESS),
        secret("voice-api-engines", far=ENGINE_KEY),
    ):
        node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(each))
    (somebody.folder / "engines.toml").write_text(ENGINES)
    with volume_for(node, "data-postgres-0", "4Gi"):
        yield somebody
        somebody.types("cleanup", "--yes")
        emptied()


def secret(name: str, **content: str) -> dict[str, Any]:
    about = {"name": name, "namespace": "kvx", "labels": {"app.kubernetes.io/part-of": "kvx"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": content}


def asked(node: Any) -> str:
    """What a pod of the voice API reads and writes there, with the password it has as a file."""
    told = ("exec", "-n", "kvx", "deployment/voice-api", "-c", "voice-api", "--")
    return str(node.kubectl(*told, "/usr/bin/python3", "-P", "-c", LEDGER, seconds=90)).strip()


def wants(image: str) -> str:
    kubernetes = f'postgres_image = "{image}"\ndeadline_seconds = 240\n'
    return f'components = ["postgres", "cloud-engine"]\n{kubernetes}[voice]\nengines_file = "engines.toml"\n'


def test_the_voice_api_writes_to_a_database_that_nobody_else_reaches(
    person: Person, postgres_image: str, asking: Any
) -> None:
    person.sets(wants(postgres_image))
    assert person.deploys()["changed"] is True
    assert asked(person.node) == "1"
    for who in (asking.client, asking.stranger):
        assert asking.knock(person.node, who, "postgres.kvx.svc.cluster.local", 5432) == "TimeoutError"
    before = len(person.writes())
    assert person.deploys()["changed"] is False
    assert person.writes()[before:] == []


def test_all_replicas_spend_of_one_budget_and_kvx_tells_it_through_any(
    person: Person, all_answer: Any
) -> None:
    pods = two_replicas(person.node)
    for pod in pods:
        answer = heard_by(person.node, pod)
        assert (answer.status_code, answer.json()["engine"], answer.json()["degraded"]) == (
            200,
            "local",
            True,
        )
        assert answer.json()["reason"] in {"unreachable", "too_late"}
    page = person.types("usage")
    assert page.returncode == 0, page.stdout + page.stderr
    rows = [line.split() for line in page.stdout.splitlines()]
    assert ["ann", "far", "2"] in [row[:3] for row in rows]
    assert "budget    far minutes: " in all_answer(lambda: person.types("status")).stdout


def test_what_is_used_up_is_used_up_for_every_replica_and_a_person_sees_it(
    person: Person, all_answer: Any
) -> None:
    told = ("exec", "-n", "kvx", "deployment/voice-api", "-c", "voice-api", "--")
    spent = person.node.kubectl(*told, "/usr/bin/python3", "-P", "-c", USE_UP, seconds=90)
    assert spent.strip() == "True settled"
    for pod in two_replicas(person.node):
        answer = heard_by(person.node, pod)
        assert (answer.status_code, answer.json()["engine"], answer.json()["reason"]) == (
            200,
            "local",
            "budget",
        )
        insisted = heard_by(person.node, pod, insist="true")
        assert (insisted.status_code, insisted.json()["error"]["code"]) == (429, "engine_unavailable")
        assert 0 < int(insisted.headers["retry-after"]) <= 31 * 86_400
    page = person.types("usage")
    assert page.returncode == 3
    assert "limit reached: far minutes; the local engine answers until " in page.stderr
    status = all_answer(lambda: person.types("status")).stdout
    assert "budget    far minutes: limit reached, until 1 " in status
    logs = person.node.kubectl("-n", "kvx", "logs", "-l", "app.kubernetes.io/name=voice-api", "--tail=-1")
    assert "canary" not in page.stdout + page.stderr + status + logs


def two_replicas(node: Any) -> list[str]:
    """The names of two that are ready, once the autoscaler has made the second."""
    end = time.monotonic() + 170
    while True:
        told = ("-n", "kvx", "get", "pods", "-l", "app.kubernetes.io/name=voice-api", "-o", "json")
        ready = [pod["metadata"]["name"] for pod in json.loads(node.kubectl(*told))["items"] if is_ready(pod)]
        if len(ready) > 1:
            return ready[:2]
        assert time.monotonic() < end, ready
        time.sleep(0.5)


def heard_by(node: Any, pod: str, insist: str = "false") -> httpx.Response:
    """What that replica answers ann, who says nothing for two seconds."""
    sound = BytesIO()
    soundfile.write(sound, np.zeros(32_000, np.int16), 16_000, format="WAV")
    headers = {"Authorization": f"Bearer {KEY}", "X-Kvx-Insist": insist}
    api = connect(Path(node.kubeconfig), None, real_world())
    with forwarded(api, "kvx", pod, 8484) as tunnel:
        return httpx.post(
            f"{tunnel.address}/v1/audio/transcriptions",
            headers=headers,
            files={"file": sound.getvalue()},
            timeout=60,
        )


def test_a_database_that_cannot_start_is_undone_and_what_it_kept_is_there(
    person: Person, postgres_image: str
) -> None:
    """Kubernetes itself would wait for ever for the pod that cannot start."""
    person.sets(wants(f"localhost/postgres@sha256:{'1' * 64}"))
    done = person.types("deploy", "--from", "manifests")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the new version of postgres cannot serve: pod postgres-0 cannot get its image" in done.stderr
    assert "serves again" in done.stderr
    told = ("-n", "kvx", "get", "pod", "postgres-0", "-o", "jsonpath={.spec.containers[0].image}")
    assert person.node.kubectl(*told) == postgres_image
    assert asked(person.node) == "2"


def test_with_namespace_and_volume_gone_a_restore_brings_back_what_the_database_held(
    person: Person, postgres_image: str
) -> None:
    node, archive = person.node, person.folder / "drill.tar"
    person.sets(wants(postgres_image))
    person.deploys()
    key = person.folder / "backup.key"
    key.write_text("a key that is long enough")
    lines = int(asked(node))
    kept = succeeds(person, "backup", "--to", str(archive), "--secrets-key", str(key))
    assert "database  ledger and journal, " in kept

    node.kubectl("delete", "namespace", "kvx", seconds=200)
    node.kubectl("delete", "persistentvolume", "kvx-trial-data-postgres-0")
    shutil.rmtree(Path(node.place.folder) / "volumes" / "data-postgres-0")
    with volume_for(node, "data-postgres-0", "4Gi"):
        back = ("restore", str(archive), "--yes", "--secrets-key", str(key))
        assert "restored the database: ledger and journal" in succeeds(person, *back)
        assert asked(node) == str(lines + 1), "all that were kept, and one more"
        assert "Nothing had to be restored" in succeeds(person, *back)
        succeeds(person, *back, "--replace-database")
        assert asked(node) == str(lines + 1), "the one more is gone with what was replaced"
        node.kubectl("delete", "namespace", "kvx", seconds=200)


def succeeds(person: Person, *arguments: str) -> str:
    """What a command told that ended well."""
    done = person.types(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
