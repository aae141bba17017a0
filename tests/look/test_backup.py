"""kvx backup and kvx restore on real API servers: what was there comes back, and nothing is given away."""

import base64
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from standing_cluster import APPS, SELF, Server, Standing

from kvx.cluster.archive_objects import kept
from kvx.cluster.masks import shown
from kvx.drivers import restoring
from kvx.drivers.api_server import Api, connect
from kvx.drivers.restoring import content_of
from kvx.drivers.rollout import Before
from kvx.errors import ExitCode, KvxError
from kvx.steps.backups import RestoreBackup
from kvx.steps.manifests import Where
from kvx.world import World, real_world

pytestmark = pytest.mark.needs("kube-apiserver", "kubectl", "definitions")

Kvx = Callable[..., subprocess.CompletedProcess[str]]
CANARY = "canary-5d41402abc4b2a76"


class ServesAtOnce:
    """Stands for pods, which these API servers have none of: whatever is applied serves."""

    def before(self, api: Api, objects: Sequence[Mapping[str, Any]]) -> Before:
        return Before(None, served=False)

    def serves(self, api: Api, objects: Sequence[Mapping[str, Any]]) -> bool:
        return True

    def await_serving(self, *_: object) -> Mapping[str, object]:
        return {"heard": "how many nodes are there"}

    def undo_once(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("nothing fails here")


@pytest.fixture
def archive(kvx: Kvx, standing: Standing) -> Path:
    """A backup of what stands."""
    path = standing.folder / "backup.tar"
    done = kvx("backup", "--target", "cluster", "--to", str(path), cwd=standing.folder)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def secret(standing: Standing) -> Iterator[str]:
    """A Secret of kvx's in the cluster, whose content is the canary."""
    labels = {"app.kubernetes.io/part-of": "kvx"}
    metadata = {"name": "voice-api-key", "labels": labels}
    content = {"key": base64.b64encode(CANARY.encode()).decode()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": content}
    standing.server.request("POST", f"{SELF}/secrets", body)
    yield "voice-api-key"
    standing.server.request("DELETE", f"{SELF}/secrets/voice-api-key")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "backup.key"
    path.write_text("a key that is long enough\n")
    return path


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another cluster, in which nothing is but the definitions of others."""
    running: Callable[[Path], AbstractContextManager[Server]] = sys.modules[
        "kubernetes_component"
    ].running_api_server
    with running(tmp_path_factory.mktemp("empty")) as server:
        yield server


def step_for(archive: Path, standing: Standing, kubeconfig: Path, key: Path | None = None) -> RestoreBackup:
    digest = content_of(archive, key, without_secrets=False).digest
    return RestoreBackup(standing.folder / ".kvx", Where(kubeconfig, None), archive, digest, key)


def objects_in(archive: Path) -> tuple[Mapping[str, Any], ...]:
    return content_of(archive, None, without_secrets=True).objects


def test_an_empty_cluster_has_after_a_restore_what_the_other_had(
    archive: Path, standing: Standing, empty_server: Server
) -> None:
    other = replace(standing, server=empty_server, kubeconfig=empty_server.kubeconfig())
    definitions = sys.modules["definitions_component"].folder()
    other.kubectl("apply", "--server-side", "-f", str(definitions / "vpa-v1-crd-gen.yaml"))
    other.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=60s")
    step = step_for(archive, standing, other.kubeconfig)

    assert not restoring.is_done(step, real_world(), ServesAtOnce())
    outcome = restoring.perform(step, real_world(), ServesAtOnce())

    assert outcome.data["release"] == 1
    here, there = (connect(each, None, real_world()) for each in (standing.kubeconfig, other.kubeconfig))
    objects = objects_in(archive)
    assert {each["kind"] for each in objects} >= {"Deployment", "ConfigMap", "VerticalPodAutoscaler"}
    for each in objects:
        path = here.path_of(each)
        assert shown(settled(there.get(path))) == shown(settled(here.get(path)))
        assert settled(kept(there.get(path))) == settled(kept(here.get(path)))
    assert restoring.is_done(step, real_world(), ServesAtOnce())


def settled(thing: dict[str, Any]) -> dict[str, Any]:
    """Without what each cluster finds for itself: addresses, states, and how many the autoscaler took."""
    own = {"clusterIP", "clusterIPs", "replicas"}
    spec = {name: value for name, value in (thing.get("spec") or {}).items() if name not in own}
    return {**thing, "spec": spec, "status": None}


def test_what_was_restored_is_no_difference_to_the_next_deploy(
    archive: Path, standing: Standing, kvx: Kvx
) -> None:
    standing.kubectl("delete", "deployment,service,networkpolicy", "--all", "--namespace=kvx")
    step = step_for(archive, standing, standing.kubeconfig)
    restoring.perform(step, real_world(), ServesAtOnce())
    api = connect(standing.kubeconfig, None, real_world())
    released = tuple(dict(each) for each in standing.objects)
    assert restoring.differences(api, released) == ()


def test_restoring_what_is_there_writes_nothing(archive: Path, standing: Standing, kvx: Kvx) -> None:
    before = len(standing.server.audited("kvx/"))
    done = kvx("restore", str(archive), "--target", "cluster", "--dry-run", cwd=standing.folder)
    assert done.returncode == 0, done.stderr
    assert "To put it back: nothing differs." in done.stdout
    written = [
        each
        for each in standing.server.audited("kvx/")[before:]
        if each["verb"] not in {"get", "list"} and "dryRun=All" not in each["requestURI"]
    ]
    assert written == []


def test_a_dry_run_says_what_comes_back_and_what_changes(archive: Path, standing: Standing, kvx: Kvx) -> None:
    released = next(each for each in standing.objects if each["kind"] == "Deployment")
    newer = {**released, "spec": {**released["spec"], "progressDeadlineSeconds": 7}}
    connect(standing.kubeconfig, None, real_world()).apply(newer)
    standing.kubectl("delete", "service", "voice-api", "--namespace=kvx")
    arguments = ("restore", str(archive), "--target", "cluster", "--dry-run")
    said = kvx(*arguments, cwd=standing.folder).stdout
    assert "added    Service voice-api in kvx" in said
    assert "changed  Deployment voice-api in kvx" in said
    assert "-  progressDeadlineSeconds: 7" in said
    assert "+  progressDeadlineSeconds: 300" in said
    document = json.loads(kvx(*arguments, "--json", cwd=standing.folder).stdout)
    assert document["schema"] == "kvx/restore/v1"
    assert {each["change"] for each in document["changes"]} == {"added", "changed"}


def test_a_field_that_somebody_else_has_set_meanwhile_is_not_taken_from_them(
    archive: Path, standing: Standing, kvx: Kvx
) -> None:
    image = "voice-api=registry.example/other@sha256:" + "cd" * 32
    standing.kubectl("set", "image", "deployment/voice-api", image, "--namespace=kvx")
    done = kvx("restore", str(archive), "--target", "cluster", "--yes", cwd=standing.folder)
    assert done.returncode == 1
    assert "kubectl-set has set" in done.stderr


def test_without_a_terminal_nobody_is_asked_and_nothing_written(
    archive: Path, standing: Standing, kvx: Kvx
) -> None:
    standing.kubectl("delete", "service", "voice-api", "--namespace=kvx")
    done = kvx("restore", str(archive), "--target", "cluster", cwd=standing.folder)
    assert done.returncode == 3
    assert "--yes" in done.stderr
    assert standing.kubectl("get", "services", "--namespace=kvx", "-o", "name") == ""


def test_secrets_are_left_out_and_named(archive: Path, secret: str, standing: Standing, kvx: Kvx) -> None:
    path = standing.folder / "with-a-secret-around.tar"
    done = kvx("backup", "--target", "cluster", "--to", str(path), cwd=standing.folder)
    assert f"left out  the Secret kvx/{secret}" in done.stdout
    everything = path.read_bytes()
    assert CANARY.encode() not in everything
    assert base64.b64encode(CANARY.encode()) not in everything


def test_with_a_key_secrets_are_sealed_and_come_back(
    secret: str, key: Path, standing: Standing, kvx: Kvx
) -> None:
    path = standing.folder / "sealed.tar"
    backup = ("backup", "--target", "cluster", "--to", str(path), "--secrets-key", str(key))
    assert kvx(*backup, cwd=standing.folder).returncode == 0
    everything = path.read_bytes()
    assert CANARY.encode() not in everything
    assert base64.b64encode(CANARY.encode()) not in everything

    with pytest.raises(KvxError, match="Secrets that are sealed: kvx/voice-api-key") as missing:
        content_of(path, None, without_secrets=False)
    assert missing.value.exit_code is ExitCode.MISSING
    wrong = key.with_name("wrong.key")
    wrong.write_text("another key that is long enough")
    with pytest.raises(KvxError, match="does not open") as refused:
        content_of(path, wrong, without_secrets=False)
    assert refused.value.exit_code is ExitCode.USAGE

    standing.server.request("DELETE", f"{SELF}/secrets/{secret}")
    restoring.perform(step_for(path, standing, standing.kubeconfig, key), real_world(), ServesAtOnce())
    content = standing.server.request("GET", f"{SELF}/secrets/{secret}")["data"]["key"]
    assert base64.b64decode(content).decode() == CANARY


def test_a_key_that_is_easily_guessed_is_refused(key: Path, standing: Standing, kvx: Kvx) -> None:
    key.write_text("short")
    done = kvx("backup", "--target", "cluster", "--secrets-key", str(key), cwd=standing.folder)
    assert done.returncode == 2
    assert "16 are the least" in done.stderr


def test_what_a_person_has_set_is_in_it_and_the_person_named(standing: Standing, kvx: Kvx) -> None:
    image = "registry.example/other@sha256:" + "cd" * 32
    standing.kubectl("set", "image", "deployment/voice-api", f"voice-api={image}", "--namespace=kvx")
    path = standing.folder / "changed.tar"
    try:
        done = kvx("backup", "--target", "cluster", "--to", str(path), "--json", cwd=standing.folder)
    finally:
        standing.kubectl("delete", "deployment", "voice-api", "--namespace=kvx")
    entry = next(each for each in json.loads(done.stdout)["objects"] if each["kind"] == "Deployment")
    assert "kubectl-set" in entry["also_set_by"]
    restoring.perform(step_for(path, standing, standing.kubeconfig), real_world(), ServesAtOnce())
    live = standing.server.request("GET", f"{APPS}/voice-api")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_pods_and_what_else_is_made_anew_is_not_in_it(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert not [name for name in names if "/Pod." in name or "/Event" in name or "/Lease." in name]
    assert "objects/kvx/ConfigMap.core/kvx-release-1.json" in names


def test_it_is_for_its_owner_alone_and_takes_no_other_files_place(
    archive: Path, standing: Standing, kvx: Kvx
) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    before = archive.read_bytes()
    done = kvx("backup", "--target", "cluster", "--to", str(archive), cwd=standing.folder)
    assert done.returncode == 3
    assert archive.read_bytes() == before
    assert not list(archive.parent.glob(f".{archive.name}.*"))


@pytest.mark.needs("tmpfs")
def test_a_full_disk_leaves_nothing_behind(
    standing: Standing, kvx: Kvx, disk_of: Callable[[str], Path]
) -> None:
    folder = disk_of("16k")
    done = kvx("backup", "--target", "cluster", "--to", str(folder / "b.tar"), cwd=standing.folder)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert not list(folder.iterdir())


def test_a_damaged_archive_is_refused_by_the_name_of_the_member(
    archive: Path, standing: Standing, kvx: Kvx
) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b'"progressDeadlineSeconds": 300', b'"progressDeadlineSeconds": 900'))
    done = kvx("restore", str(archive), "--target", "cluster", "--yes", cwd=standing.folder)
    assert done.returncode == 4
    assert "objects/kvx/Deployment.apps/voice-api.json is not as it was written" in done.stderr


def test_an_archive_that_was_replaced_after_it_was_shown_is_refused(
    archive: Path, standing: Standing
) -> None:
    step = replace(step_for(archive, standing, standing.kubeconfig), digest="0" * 64)
    with pytest.raises(KvxError, match="is not the archive that was shown"):
        restoring.perform(step, real_world(), ServesAtOnce())


def test_a_restore_that_was_broken_off_goes_on_from_there(archive: Path, standing: Standing) -> None:
    standing.kubectl("delete", "deployment,service,networkpolicy", "--all", "--namespace=kvx")
    step, applied = step_for(archive, standing, standing.kubeconfig), []

    def stops() -> bool:
        return len(applied) >= 2

    world: World = replace(real_world(), progress=applied.append, stop_requested=stops)
    with pytest.raises(KvxError) as stopped:
        restoring.perform(step, world, ServesAtOnce())
    assert stopped.value.exit_code is ExitCode.INTERRUPTED
    assert not restoring.is_done(step, real_world(), ServesAtOnce())
    restoring.perform(step, real_world(), ServesAtOnce())
    assert restoring.is_done(step, real_world(), ServesAtOnce())


def test_who_may_not_see_all_gets_no_backup(standing: Standing, kvx: Kvx) -> None:
    viewer = standing.server.kubeconfig({"token": "powerless-token"}, name="viewer")
    standing.among(standing.folder, kubeconfig=str(viewer))
    path = standing.folder / "part.tar"
    done = kvx("backup", "--target", "cluster", "--to", str(path), cwd=standing.folder)
    assert done.returncode == 3
    assert "powerless" in done.stderr
    assert not path.exists()


def test_the_target_local_keeps_nothing_in_a_cluster(kvx: Kvx) -> None:
    done = kvx("backup")
    assert done.returncode == 2
    assert "fix: kvx backup --target cluster" in done.stderr
