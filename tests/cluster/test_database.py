"""The component postgres on a real node: PostgreSQL in a pod, reached by the voice API alone, and mended."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_kvx import Person
from typing_volumes import volume_for

pytestmark = [pytest.mark.needs("node", "images", "kubectl", "postgresql"), pytest.mark.timeout(900)]

PASSWORD = "correct-horse-0123456789"
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
    node: Any, voice_api_image: str, postgres_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    """Nothing is deployed, but there is a volume, and a Secret with a password."""
    node.kubectl("delete", "namespace", "kvx", "--ignore-not-found", seconds=200)
    somebody = Person(node, tmp_path_factory.mktemp("postgres"), voice_api_image)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kvx"}}
    node.kubectl("apply", "--server-side", "--field-manager=ada", "-f", "-", text=json.dumps(space))
    node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(secret()))
    with volume_for(node, "data-postgres-0", "4Gi"):
        yield somebody
        somebody.types("cleanup", "--yes")
        node.kubectl("delete", "namespace", "kvx", "--ignore-not-found", seconds=200)


def secret() -> dict[str, Any]:
    address = f"postgresql+psycopg://kvx:{PASSWORD}@postgres/kvx"
    about = {"name": "postgres", "namespace": "kvx", "labels": {"app.kubernetes.io/part-of": "kvx"}}
    content = {"password": PASSWORD, "url": address}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": content}


def asked(node: Any) -> str:
    """What a pod of the voice API reads and writes there, with the password it has as a file."""
    told = ("exec", "-n", "kvx", "deployment/voice-api", "-c", "voice-api", "--")
    return str(node.kubectl(*told, "/usr/bin/python3", "-P", "-c", LEDGER, seconds=90)).strip()


def wants(image: str) -> str:
    return f'components = ["postgres"]\npostgres_image = "{image}"\ndeadline_seconds = 240\n'


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
