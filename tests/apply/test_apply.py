"""Applying to a real API server: what is written, in which order, and what is not."""

import shlex
import subprocess
import time
from collections.abc import Callable

import pytest
from deployed import OTHER_DIGEST, Folder, Server, names, writes
from standing import QuotaController, Standing

from kvx.cluster.applyset import GROUP_KINDS, ID, MEMBER, id_of
from kvx.drivers import releases
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "kubectl")

SPACE = "/api/v1/namespaces/kvx"
DEPLOYMENT = "/apis/apps/v1/namespaces/kvx/deployments/voice-api"


def settings_in(api: Api) -> set[str]:
    found = {str(each["metadata"]["name"]) for each in api.list(f"{SPACE}/configmaps")}
    return {name for name in found if name.startswith("voice-api-settings")}


def test_everything_that_was_rendered_is_in_the_cluster_and_a_second_deploy_writes_nothing(
    folder: Folder, api: Api, server: Server
) -> None:
    assert folder.run()[:2] == (0, "changed\n")
    for each in folder.objects():
        assert api.find(each) is not None
    first = len(server.audited("kvx/"))
    assert folder.run()[:2] == (0, "unchanged\n")
    again = server.audited("kvx/")[first:]
    assert again, "it looked"
    assert writes(again) == []


def test_the_members_and_their_parent_carry_the_labels_of_the_apply_set(folder: Folder, api: Api) -> None:
    folder.apply()
    parent = api.get(f"{SPACE}/configmaps/kvx")["metadata"]
    assert parent["labels"][ID] == id_of("kvx")
    assert "Deployment.apps" in parent["annotations"][GROUP_KINDS].split(",")
    members = api.list(f"{SPACE}/configmaps", labelSelector=f"{MEMBER}={id_of('kvx')}")
    assert {each["metadata"]["name"] for each in members} == settings_in(api)


def test_configuration_is_written_before_what_runs_by_it(folder: Folder, server: Server) -> None:
    before = len(server.audited("kvx/"))
    folder.apply()
    written = [each["requestURI"].partition("?")[0] for each in server.audited("kvx/")[before:]
               if each["verb"] == "patch" and "dryRun" not in each["requestURI"]]  # fmt: skip
    ends = [path.rpartition("/")[0].rpartition("/")[2] for path in written]
    assert ends[0] == "namespaces"
    assert ends.index("deployments") > max(ends.index(each) for each in ("configmaps", "serviceaccounts"))
    assert ends.index("horizontalpodautoscalers") > ends.index("deployments")


def test_one_changed_setting_changes_only_its_objects(folder: Folder, api: Api, server: Server) -> None:
    folder.apply()
    folder.set(voice="threads = 2")
    assert [each.words.split()[0] for each in folder.changes(api)] == ["ConfigMap", "Deployment"]
    before = len(server.audited("kvx/"))
    folder.apply()
    written = [each for each in writes(server.audited("kvx/")[before:]) if "leases" not in each]
    assert len(written) == 3, written  # the settings, the Deployment, and the release
    assert any("kvx-release-2" in each or each.endswith("configmaps?fieldManager=kvx") for each in written)


def test_settings_of_releases_that_are_kept_stay_and_older_ones_go(folder: Folder, api: Api) -> None:
    for threads in (1, 2, 3):
        folder.set("revisions_kept = 2", f"threads = {threads}")
        folder.apply()
    assert len(settings_in(api)) == 2
    assert [each.revision for each in releases.history(api, "kvx")] == [2, 3]
    assert folder.changes(api) == ()


def test_what_is_no_longer_wanted_goes_after_the_new_version_serves(folder: Folder, api: Api) -> None:
    folder.set('components = ["ingress"]')
    folder.apply()
    assert "NetworkPolicy voice-api-from-traefik" in names(
        api.list("/apis/networking.k8s.io/v1/namespaces/kvx/networkpolicies")
    )
    folder.set()
    assert {(each.kind, each.words) for each in folder.changes(api)} >= {
        ("removed", "Ingress voice-api in kvx")
    }
    refusal = KvxError("it does not serve", "look")
    with pytest.raises(KvxError, match="it does not serve"):
        folder.apply(Standing(refusal))
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
               "metadata": {"name": "voice-api", "namespace": "kvx"}}  # fmt: skip
    assert api.find(ingress) is not None
    folder.apply()
    assert api.find(ingress) is None
    assert folder.is_done()


def test_an_object_of_somebody_else_is_never_pruned(folder: Folder, api: Api) -> None:
    folder.apply()
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": "kvx"}}
    api.create(f"{SPACE}/configmaps", other)
    folder.set(digest=OTHER_DIGEST)
    folder.apply()
    assert api.find(other) is not None


def test_a_field_of_another_manager_is_not_taken_and_the_way_out_is_named(folder: Folder, api: Api) -> None:
    folder.apply()
    grace = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}}
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", **grace,
              "metadata": {"name": "voice-api", "namespace": "kvx"}}  # fmt: skip
    query = {"fieldManager": "ada", "force": True}
    from kvx.drivers.api_requests import Request, send

    send(api.way, Request("PATCH", DEPLOYMENT, "it", query, 10, theirs, "application/apply-patch+yaml"))
    with pytest.raises(KvxError) as raised:
        folder.apply()
    assert "ada has set .spec.template.spec.terminationGracePeriodSeconds" in raised.value.message
    assert raised.value.exit_code is ExitCode.FAILED
    live = api.get(DEPLOYMENT)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert live == 7
    typed = raised.value.fix.partition("or give them to kvx: ")[2].removesuffix(", then run it again")
    done = subprocess.run(shlex.split(typed), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    folder.apply()
    assert folder.is_done()
    assert api.get(DEPLOYMENT)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 140


def test_a_component_has_room_that_the_quota_before_it_had_not(folder: Folder, api: Api) -> None:
    """The server judges by the quota that is there; the one that is coming has room for the claim."""
    folder.apply()
    claims = f"{SPACE}/persistentvolumeclaims"
    with QuotaController(api):
        until(lambda: "hard" in (api.get(f"{SPACE}/resourcequotas/voice-api").get("status") or {}))
    folder.set('components = ["voice-processor"]', images=("voice-api", "voice-processor"))
    changes = {each.key[1:]: each.checked for each in folder.changes(api)}
    assert changes["PersistentVolumeClaim", "kvx", "voice-processor-jobs"] is False
    assert api.list(claims) == ()
    with QuotaController(api):
        folder.apply()
    assert names(api.list(claims)) == {"PersistentVolumeClaim voice-processor-jobs"}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_replicas_are_left_to_the_autoscaler(folder: Folder, api: Api) -> None:
    folder.apply()
    api.patch(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 3}})
    assert folder.is_done()
    folder.set(voice="threads = 2")
    folder.apply()
    assert api.get(DEPLOYMENT)["spec"]["replicas"] == 3


def test_a_drift_is_seen_and_put_right(folder: Folder, api: Api) -> None:
    folder.apply()
    api.delete("/apis/policy/v1/namespaces/kvx/poddisruptionbudgets/voice-api")
    assert not folder.is_done()
    assert [each.words for each in folder.changes(api)] == ["PodDisruptionBudget voice-api in kvx"]
    folder.apply()
    assert folder.is_done()


def test_a_release_says_of_what_it_was_made_and_by_whom(folder: Folder, api: Api) -> None:
    folder.apply()
    (release,) = releases.history(api, "kvx")
    assert release.made.git_revision == "1234abcd"
    assert "admin" in release.made.who
    assert names(release.objects) == names(folder.objects())


def test_an_immutable_field_is_told_with_the_way_out(folder: Folder, api: Api) -> None:
    folder.apply()
    live = api.get("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kvx-voice-api-reader")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    api.delete(f"{path}/kvx-voice-api-reader")
    reference = {**live["roleRef"], "name": "view"}
    metadata = {"name": "kvx-voice-api-reader"}
    api.create(path, {**live, "metadata": metadata, "roleRef": reference})
    with pytest.raises(KvxError) as raised:
        folder.apply()
    assert "ClusterRoleBinding kvx-voice-api-reader" in raised.value.message
    assert raised.value.exit_code is ExitCode.FAILED
