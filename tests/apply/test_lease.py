"""What is done while the lease is held, and a lease that nobody renews: confirmed before the next write."""

import datetime
import gzip
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from deployed import Folder
from standing import Standing
from troubled import Answer, Way

from kvx.cluster.archive import Archive, member_name
from kvx.cluster.refusals import ApiError
from kvx.drivers import restoring
from kvx.drivers.api_server import Api, connect
from kvx.drivers.archive_files import read_archive, write_archive
from kvx.drivers.cluster_lease import LIFE_SECONDS, TOKEN, held_lease, path_of
from kvx.drivers.rollout import Before
from kvx.errors import ExitCode, KvxError
from kvx.steps.backups import RestoreBackup
from kvx.steps.manifests import Where
from kvx.world import World, real_world

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "kubectl")

NEVER = 3600.0
LEASE = path_of("kvx")
SPACE: Mapping[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kvx"}}
POD = {"metadata": {"labels": {"app": "p"}}, "spec": {"containers": [{"name": "postgres", "image": "p"}]}}
DATABASE: Mapping[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "postgres", "namespace": "kvx"},
    "spec": {"serviceName": "postgres", "selector": {"matchLabels": {"app": "p"}}, "template": POD},
}
SERVED = dict.fromkeys(("observedGeneration", "replicas", "updatedReplicas"), 1)
SERVED |= dict.fromkeys(("readyReplicas", "availableReplicas"), 1)


@dataclass
class Clock:
    """The wall clock, which goes on while a laptop sleeps; the one that threads wait by does not."""

    seconds: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.seconds

    def sleep(self) -> None:
        """Longer than a lease lives."""
        self.seconds += LIFE_SECONDS + 1


def take_over(api: Api) -> None:
    """As another kvx does, once the lease has expired."""
    change = {"metadata": {"annotations": {TOKEN: "x"}}, "spec": {"holderIdentity": "ada@laptop"}}
    api.patch(LEASE, change)


def test_the_release_to_go_back_to_is_read_while_the_lease_is_held(folder: Folder, api: Api) -> None:
    """Read before, it may be older than what a kvx that was waited for has released."""
    folder.apply()
    folder.set(voice="threads = 2")
    holders = []

    class Looking(Standing):
        def before(self, api: Api, objects: Sequence[Mapping[str, Any]]) -> Before:
            holders.append(api.get(LEASE)["spec"].get("holderIdentity"))
            return super().before(api, objects)

    folder.apply(Looking())
    assert [f"process {os.getpid()}" in str(each) for each in holders] == [True]


def test_a_lease_that_another_took_over_during_a_sleep_stops_the_next_write(api: Api) -> None:
    api.apply(SPACE)
    clock = Clock()
    world = replace(real_world(), now=clock)
    with held_lease(api, "kvx", 0, world, renew_seconds=NEVER) as held:
        held.check()
        clock.sleep()
        take_over(api)
        for _ in range(2):
            with pytest.raises(KvxError, match="another kvx took it over") as raised:
                held.check()
    assert raised.value.exit_code is ExitCode.MISSING
    assert api.get(LEASE)["spec"]["holderIdentity"] == "ada@laptop"


def test_a_lease_that_nobody_took_over_during_a_sleep_is_renewed_once(
    troubled: Folder, way: Way, api: Api
) -> None:
    api.apply(SPACE)
    clock = Clock()
    world = replace(real_world(), now=clock)
    there = connect(troubled.kubeconfig, None, world)
    with held_lease(there, "kvx", 0, world, renew_seconds=NEVER) as held:
        asked = len(way.calls)
        held.check()
        assert len(way.calls) == asked, "it is as good as new"
        clock.sleep()
        held.check()
        held.check()
        assert [call.method for call in way.calls[asked:]] == ["GET", "PUT"]
    renewed = datetime.datetime.fromisoformat(api.get(LEASE)["spec"]["renewTime"]).timestamp()
    assert renewed == pytest.approx(clock.seconds, abs=0.001)


def test_a_lease_that_cannot_be_confirmed_after_a_sleep_stops_the_next_write(
    troubled: Folder, way: Way, api: Api
) -> None:
    api.apply(SPACE)
    clock = Clock()
    world = replace(real_world(), now=clock)
    there = connect(troubled.kubeconfig, None, world, attempts=1)
    with held_lease(there, "kvx", 0, world, renew_seconds=NEVER) as held:
        clock.sleep()
        way.meddle = lambda _call: Answer(503)
        with pytest.raises(ApiError, match="HTTP 503"):
            held.check()
        way.meddle = lambda _call: None
        held.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("error", "told"),
    [(KvxError("no credentials", "get some"), "no credentials"), (ZeroDivisionError(), "no longer renewed")],
)
def test_a_lease_that_is_no_longer_renewed_stops_the_next_write(
    folder: Folder, api: Api, error: Exception, told: str
) -> None:
    api.apply(SPACE)

    def now() -> float:
        if threading.current_thread().name == "kvx lease":
            raise error
        return time.time()

    world = replace(real_world(), now=now)
    there = connect(folder.kubeconfig, None, world)
    with held_lease(there, "kvx", 0, world, renew_seconds=0.1) as held:
        for each in threading.enumerate():
            if each.name == "kvx lease":
                each.join(60)
        with pytest.raises(KvxError, match=told):
            held.check()


@pytest.fixture
def database(api: Api) -> Iterator[None]:
    """One that serves, as far as its controller says."""
    for each in (SPACE, DATABASE):
        api.apply(each)
    api.patch(f"{api.path_of(DATABASE)}/status", {"status": SERVED})
    yield
    api.delete(api.path_of(DATABASE))


@pytest.mark.usefixtures("database")
def test_a_database_is_not_put_back_once_another_has_the_lease(folder: Folder, api: Api) -> None:
    """Until its pod runs minutes may pass."""
    clock, said = Clock(), []

    def meanwhile(words: str) -> None:
        said.append(words)
        if words.startswith("postgres: "):
            clock.sleep()
            take_over(api)

    world: World = replace(real_world(), now=clock, progress=meanwhile)
    with pytest.raises(KvxError, match="another kvx took it over"):
        restoring.perform(restore_of(folder), world, Standing())
    assert said == ["postgres: 0 of 0 pods serve the new version"]


def restore_of(folder: Folder) -> RestoreBackup:
    """An archive with a database, put back in the place of what is there."""
    objects = {member_name(each): each for each in (SPACE, DATABASE)}
    manifest = {"schema": "kvx/archive/v1", "objects": [{"member": name} for name in objects]}
    path = folder.path / "backup.tar"
    write_archive(path, Archive(manifest, objects, database=gzip.compress(b"SELECT 1;")))
    where, digest = Where(folder.kubeconfig), read_archive(path)[1]
    return RestoreBackup(folder.path / ".kvx", where, path, digest, replace_database=True)
