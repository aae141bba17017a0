"""Changes made as the user on a real API server with its controllers, and what is told of them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from operated import (
    KEY,
    Operated,
    Session,
    call,
    cluster_binding,
    cluster_role,
    eventually,
    session,
    workload,
)

from voice_api.cluster.identity import Identity
from voice_api.cluster.reviews import Attempt, may
from voice_api.commands.executing.executor import OWN_RIGHTS
from voice_api.commands.journal.chain import Head
from voice_api.commands.journal.file import last_records, verified_folder
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Call, NoCall
from voice_api.errors import VoiceApiError

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
APPS = "/apis/apps/v1/namespaces"


def spec_of(operated: Operated, space: str, name: str, kind: str = "deployments") -> dict[str, Any]:
    return dict(operated.found(f"{APPS}/{space}/{kind}/{name}")["spec"])


def image_of(operated: Operated, space: str, name: str, kind: str = "deployments") -> str:
    return str(spec_of(operated, space, name, kind)["template"]["spec"]["containers"][0]["image"])


def taken_back(ann: Session) -> Call:
    found = ann.executor.inverse(ann.user)
    assert isinstance(found, Call), found
    return found


def test_scaling_is_told_by_the_replicas_that_are_ready(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web", 2)
    carried = ann.done(call("scale", name="web", namespace=space, replicas=4))
    assert (carried.status, carried.said) == (200, f"web in {space} has 4 of 4 replicas ready.")
    assert ann.said == [f"scale deployment web in {space} from 2 to 4 replicas"]
    assert operated.found(f"{APPS}/{space}/deployments/web")["status"]["readyReplicas"] == 4


def test_what_never_gets_ready_is_told_as_it_is_when_nobody_waits_longer(
    operated: Operated, space: str, tmp_path: Path
) -> None:
    operated.deployment(space, "web", 1, image="never:1")
    with session(operated.access(), tmp_path, User("ann", groups=("shop",)), 0.5) as ann:
        carried = ann.done(call("scale", name="web", namespace=space, replicas=3))
    assert carried.said == f"web in {space} has 0 of 3 replicas ready so far."
    assert carried.data["complete"] is False


def test_a_scaled_workload_goes_back_to_what_it_was_by_a_change_that_is_asked_about_again(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.apply(f"{APPS}/{space}/statefulsets", workload("StatefulSet", "store", 1, "example:1"))
    ann.done(call("scale", "statefulset", name="store", namespace=space, replicas=2))
    assert spec_of(operated, space, "store", "statefulsets")["replicas"] == 2
    back = taken_back(ann)
    assert (back.function.name, back.values["replicas"]) == ("scale", 1)
    assert ann.done(back).said == f"store in {space} has 1 of 1 replicas ready."


def test_a_restart_replaces_every_pod_and_cannot_be_taken_back(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", 2)
    pods = f"/api/v1/namespaces/{space}/pods"
    eventually(lambda: len(operated.found(pods)["items"]) == 2)
    before = {pod["metadata"]["name"] for pod in operated.found(pods)["items"]}
    assert ann.done(call("restart", name="web", namespace=space)).said.endswith("has 2 of 2 replicas ready.")
    eventually(lambda: before.isdisjoint(pod["metadata"]["name"] for pod in operated.found(pods)["items"]))
    assert ann.executor.inverse(ann.user) == NoCall("A restart cannot be taken back.")


def test_two_looks_at_a_restart_show_the_same_change(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web")
    eventually(
        lambda: operated.found(f"{APPS}/{space}/deployments/web").get("status", {}).get("replicas") == 2
    )
    wish = call("restart", name="web", namespace=space)
    met = ann.executor.met(ann.user, wish)
    first = ann.executor.preview(ann.user, wish, met)
    second = ann.executor.preview(ann.user, wish, met)
    assert first.difference
    assert first.difference == second.difference


def test_another_version_is_run_and_the_former_comes_back(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", image="registry.example:5000/shop/web:1.0")
    ann.done(call("set_version", name="web", namespace=space, version="1.1"))
    assert image_of(operated, space, "web") == "registry.example:5000/shop/web:1.1"
    ann.done(taken_back(ann))
    assert image_of(operated, space, "web") == "registry.example:5000/shop/web:1.0"


def test_a_rollout_goes_back_to_the_revision_before(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web", image="example:1.0")
    for version in ("1.1", "1.2"):
        ann.done(call("set_version", name="web", namespace=space, version=version))
    ann.done(call("undo_rollout", name="web", namespace=space, revision=1))
    assert image_of(operated, space, "web") == "example:1.0"
    ann.done(taken_back(ann))
    assert image_of(operated, space, "web") == "example:1.2"


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_set_goes_back_to_the_revision_before(
    operated: Operated, space: str, tmp_path: Path, kind: str
) -> None:
    resource = f"{kind.lower()}s"
    operated.apply(f"{APPS}/{space}/{resource}", workload(kind, "store", 1, "example:1.0"))
    revisions = f"{APPS}/{space}/controllerrevisions"
    eventually(lambda: len(operated.found(revisions)["items"]) == 1)

    def observed() -> bool:
        found = operated.found(f"{APPS}/{space}/{resource}/store")
        return bool(found["status"].get("observedGeneration") == found["metadata"]["generation"])

    with session(operated.access(), tmp_path, User("ann", groups=("shop",)), 0) as ann:
        ann.done(call("set_version", kind.lower(), name="store", namespace=space, version="2.0"))
        eventually(observed)
        ann.done(call("undo_rollout", kind.lower(), name="store", namespace=space))
    assert image_of(operated, space, "store", resource) == "example:1.0"


def test_a_rollout_is_paused_and_goes_on(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web")
    assert ann.done(call("pause_rollout", name="web", namespace=space)).said.endswith("is paused.")
    assert spec_of(operated, space, "web")["paused"] is True
    ann.done(taken_back(ann))
    assert "paused" not in spec_of(operated, space, "web")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("deployment", "/apis/apps/v1/namespaces/{}/deployments"),
        ("pod", "/api/v1/namespaces/{}/pods"),
        ("job", "/apis/batch/v1/namespaces/{}/jobs"),
    ],
)
def test_what_is_deleted_is_gone_before_it_is_told_so(
    operated: Operated, space: str, ann: Session, kind: str, path: str
) -> None:
    pod = {"containers": [{"name": "main", "image": "example"}], "restartPolicy": "Never"}
    bodies = {
        "deployment": workload("Deployment", "old", 1, "example"),
        "pod": {"metadata": {"name": "old"}, "spec": pod},
        "job": {"metadata": {"name": "old"}, "spec": {"template": {"spec": pod}}},
    }
    operated.apply(path.format(space), bodies[kind])
    assert (
        ann.done(call(f"delete_{kind}", kind, name="old", namespace=space)).said
        == f"The {kind} old in {space} is gone."
    )
    assert not operated.found(path.format(space))["items"]
    assert isinstance(ann.executor.inverse(ann.user), NoCall)


def test_a_preview_changes_nothing(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web")
    wishes = [
        call("scale", name="web", namespace=space, replicas=5),
        call("set_version", name="web", namespace=space, version="2"),
        call("restart", name="web", namespace=space),
        call("delete_deployment", name="web", namespace=space),
    ]
    eventually(
        lambda: operated.found(f"{APPS}/{space}/deployments/web").get("status", {}).get("readyReplicas") == 2
    )
    before = operated.found(f"{APPS}/{space}/deployments/web")
    for wish in wishes:
        ann.order(wish)
    assert operated.found(f"{APPS}/{space}/deployments/web") == before
    assert not last_records(ann.folder, 10)


def test_what_was_changed_after_the_question_is_not_written(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", 2)
    wish = call("scale", name="web", namespace=space, replicas=4)
    order = ann.order(wish)
    operated.server.request("PATCH", f"{APPS}/{space}/deployments/web", {"spec": {"replicas": 3}})
    assert ann.executor.carry_out(ann.user, wish, order).status == 409
    assert spec_of(operated, space, "web")["replicas"] == 3


def test_what_was_deleted_and_made_again_under_its_name_is_another_object(
    operated: Operated, space: str, ann: Session
) -> None:
    path = f"/api/v1/namespaces/{space}/pods"
    body = {"metadata": {"name": "old"}, "spec": {"containers": [{"name": "main", "image": "example"}]}}
    operated.apply(path, body)
    wish = call("delete_pod", "pod", name="old", namespace=space)
    order = ann.order(wish)
    operated.server.request("DELETE", f"{path}/old", {"gracePeriodSeconds": 0})
    operated.apply(path, body)
    assert ann.executor.carry_out(ann.user, wish, order).status == 409
    assert [pod["metadata"]["name"] for pod in operated.found(path)["items"]] == ["old"]


def test_a_status_that_moves_is_no_reason_to_ask_again(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web", 2)
    wish = call("scale", name="web", namespace=space, replicas=3)
    order = ann.order(wish)
    operated.server.request("PATCH", f"{APPS}/{space}/deployments/web", {"metadata": {"labels": {"a": "b"}}})
    assert ann.executor.carry_out(ann.user, wish, order).status == 200


def test_what_is_as_it_is_wanted_is_no_change(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web", 2)
    wish = call("scale", name="web", namespace=space, replicas=2)
    preview = ann.executor.preview(ann.user, wish, ann.executor.met(ann.user, wish))
    assert (preview.status, preview.why) == (422, f"The deployment web in {space} has 2 replicas already.")


def test_what_the_cluster_would_not_accept_is_told_before_it_is_asked_about(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", image="example/" + "a" * 64 + ":1.0")
    pod = {
        "metadata": {"name": "old", "finalizers": []},
        "spec": {"containers": [{"name": "a", "image": "b"}]},
    }
    operated.apply(f"/api/v1/namespaces/{space}/pods", pod)
    wish = call("set_version", name="web", namespace=space, version="1.1")
    policy = {
        "metadata": {"name": f"no-{space}"},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["deployments"],
                    }
                ],
            },
            "validations": [{"expression": "false", "message": "nothing is changed on a Friday"}],
        },
    }
    admission = "/apis/admissionregistration.k8s.io/v1"
    operated.apply(f"{admission}/validatingadmissionpolicies", policy)
    binding = {"policyName": f"no-{space}", "validationActions": ["Deny"]}
    operated.apply(
        f"{admission}/validatingadmissionpolicybindings",
        {"metadata": {"name": f"no-{space}"}, "spec": binding},
    )

    def refused() -> bool:
        preview = ann.executor.preview(ann.user, wish, ann.executor.met(ann.user, wish))
        return preview.status == 422 and "nothing is changed on a Friday" in preview.why

    eventually(refused)


def test_a_node_is_emptied_and_daemons_stay(operated: Operated, space: str, tmp_path: Path) -> None:
    node, pods = f"edge-{space}", f"/api/v1/namespaces/{space}/pods"
    operated.apply("/api/v1/nodes", {"metadata": {"name": node}})
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "example"}]}
    moves = on_node(operated, space, node)
    operated.apply(pods, {"metadata": {"name": "alone"}, "spec": spec})
    daemons = workload("DaemonSet", "stays", 1, "example")
    daemons["spec"]["updateStrategy"] = {"type": "OnDelete"}
    operated.apply(f"{APPS}/{space}/daemonsets", daemons)
    owner = operated.found(f"{APPS}/{space}/daemonsets/stays")["metadata"]
    reference = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": "stays",
        "uid": owner["uid"],
        "controller": True,
    }
    operated.apply(
        pods,
        {
            "metadata": {"name": "daemon", "labels": {"app": "stays"}, "ownerReferences": [reference]},
            "spec": spec,
        },
    )
    admin = operated.server.kubeconfig(name="administrator")
    with session(operated.access(admin), tmp_path, User("root", groups=("operators",))) as root:
        wish = call("drain", "node", node=node)
        root_rights(operated)
        refused = root.executor.preview(root.user, wish, root.executor.met(root.user, wish))
        assert refused.status == 422
        assert refused.why.startswith(f"On {node} nothing would make alone again")
        operated.server.request("DELETE", f"{pods}/alone", {"gracePeriodSeconds": 0})
        said = root.executor.preview(root.user, wish, root.executor.met(root.user, wish)).said
        assert said == f"empty node {node}: 1 pod has to move, 1 of which loses files of this node"
        assert operated.found(f"{pods}/{moves}")["metadata"].get("deletionTimestamp") is None
        assert root.done(wish).said == f"{node} is empty."
        assert {pod["metadata"]["name"] for pod in operated.found(pods)["items"]} >= {"daemon"}
        assert moves not in {pod["metadata"]["name"] for pod in operated.found(pods)["items"]}
        root.done(taken_back(root))
    assert "unschedulable" not in operated.found(f"/api/v1/nodes/{node}")["spec"]


def on_node(operated: Operated, space: str, node: str) -> str:
    """The name of a pod there that its replica set makes again, elsewhere, when it leaves."""
    made = workload("ReplicaSet", "moves", 1, "example")
    made["spec"]["template"]["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    operated.apply(f"{APPS}/{space}/replicasets", made)
    path, found = f"/api/v1/namespaces/{space}/pods", list[str]()

    def there() -> bool:
        items = operated.found(f"{path}?labelSelector=app%3Dmoves")["items"]
        found.extend(pod["metadata"]["name"] for pod in items)
        return bool(found)

    eventually(there)
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    operated.apply(f"{path}/{found[0]}/binding", {"metadata": {"name": found[0]}, "target": target})
    return found[0]


def root_rights(operated: Operated) -> None:
    subject = {"kind": "Group", "name": "operators", "apiGroup": "rbac.authorization.k8s.io"}
    cluster_binding(operated.server, "operators", "cluster-admin", subject)
    way = operated.access(operated.server.kubeconfig(name="administrator"))
    eventually(lambda: way.of(Identity("root", ("operators",))).may(Attempt("patch", "", "nodes", "any")))


def test_the_audit_log_of_the_cluster_has_the_user_and_the_command(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", 2)
    ann.done(call("scale", name="web", namespace=space, replicas=3))
    written = [
        entry
        for entry in operated.server.audited("kvx-voice-api cmd_")
        if f"/{space}/" in entry["requestURI"] and "dryRun" not in entry["requestURI"]
    ]
    command = last_records(ann.folder, 3)[0]["command"]
    # A status that moves in between refuses a write, which is then sent again: by the same command.
    assert {entry["userAgent"] for entry in written} == {f"kvx-voice-api {command}"}
    assert [entry["responseStatus"]["code"] for entry in written].count(200) == 1
    assert written[0]["impersonatedUser"]["username"] == "ann"
    assert {"shop", "watchers"} <= set(written[0]["impersonatedUser"]["groups"])
    assert "fieldManager=kvx-voice" in written[0]["requestURI"]


def test_every_write_stands_between_two_records(operated: Operated, space: str, ann: Session) -> None:
    operated.deployment(space, "web", 2)
    ann.done(call("scale", name="web", namespace=space, replicas=3))
    before, after, verified = last_records(ann.folder, 10)
    assert [before["stage"], after["stage"], verified["event"]] == ["before", "after", "verified"]
    assert (before["user"], before["function"], before["arguments"]["replicas"]) == ("ann", "scale", 3)
    assert (after["status"], after["undo"]["arguments"]["replicas"]) == (200, 2)
    assert isinstance(verified_folder(ann.folder, KEY), Head)


def test_what_was_done_before_a_restart_can_still_be_taken_back(
    operated: Operated, space: str, tmp_path: Path
) -> None:
    operated.deployment(space, "web", 2)
    user = User("ann", groups=("shop",))
    with session(operated.access(), tmp_path, user) as ann:
        ann.done(call("scale", name="web", namespace=space, replicas=3))
    with session(operated.access(), tmp_path, user) as later:
        assert taken_back(later).values["replicas"] == 2
        assert [past.function for past in later.executor.history(user, 5)] == ["scale"]


def test_what_is_done_for_another_object_of_the_name_is_not_taken_back(
    operated: Operated, space: str, ann: Session
) -> None:
    operated.deployment(space, "web", 2)
    ann.done(call("scale", name="web", namespace=space, replicas=3))
    operated.server.request("DELETE", f"{APPS}/{space}/deployments/web", {"propagationPolicy": "Background"})
    operated.deployment(space, "web", 2)
    assert ann.executor.inverse(ann.user) == NoCall(f"The deployment web in {space} is another one now.")


@pytest.mark.needs("tmpfs")
def test_a_full_disk_stops_what_writes_and_nothing_else(
    operated: Operated, space: str, disk_of: Callable[[str], Path]
) -> None:
    operated.deployment(space, "web", 2)
    disk = disk_of("64k")
    with session(operated.access(), disk, User("ann", groups=("shop",))) as ann:
        wish = call("scale", name="web", namespace=space, replicas=3)
        order = ann.order(wish)
        fill(disk / "rest")
        with pytest.raises(VoiceApiError) as caught:
            ann.executor.carry_out(ann.user, wish, order)
        assert caught.value.code == "journal_unwritable"
        assert ann.executor.met(ann.user, wish).replicas == 2
        assert spec_of(operated, space, "web")["replicas"] == 2


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as rest:
        while rest.write(b"x" * 512):
            pass


def test_who_may_not_impersonate_asks_the_cluster_for_the_user_and_says_so(
    operated: Operated, space: str, tmp_path: Path
) -> None:
    operated.deployment(space, "web", 2)
    admin = operated.access(operated.server.kubeconfig(name="administrator"))
    with session(admin, tmp_path, User("ann", groups=("shop",))) as ann:
        assert ann.executor.note(ann.user) == ""
    service = powerful(operated)
    with session(service, tmp_path, User("ann", groups=("shop",))) as ann:
        assert ann.executor.note(ann.user) == OWN_RIGHTS
        assert ann.done(call("scale", name="web", namespace=space, replicas=3)).status == 200
    with session(service, tmp_path, User("eve", groups=("watchers",))) as eve:
        wish = call("scale", name="web", namespace=space, replicas=9)
        preview = eve.executor.preview(eve.user, wish, eve.executor.met(eve.user, wish))
        assert preview.status == 403
        with pytest.raises(VoiceApiError) as caught:
            eve.executor.met(eve.user, call("scale", name="coredns", namespace="kube-system", replicas=9))
    assert caught.value.code == "cluster_forbidden"


def powerful(operated: Operated) -> Any:
    """A service that may do everything with workloads and ask for others, and be nobody else."""
    name = "powerful"
    certificate, key = operated.server.issued(name, "20491231000000Z", "extendedKeyUsage=clientAuth")
    access = operated.access(
        operated.server.kubeconfig(
            {"client-certificate": str(certificate), "client-key": str(key)}, name=name
        )
    )
    rules = [
        {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "patch", "delete"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    cluster_role(operated.server, name, rules)
    subject = {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    cluster_binding(operated.server, name, name, subject)
    eventually(
        lambda: may(access.service, Attempt("create", "authorization.k8s.io", "subjectaccessreviews", ""))
    )
    return access
