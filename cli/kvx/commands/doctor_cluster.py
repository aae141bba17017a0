"""What applying manifests needs: kubectl, a server that answers, rights, and what components stand on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvx.commands.check import Check
from kvx.errors import KvxError
from kvx.steps.manifests import ApplyManifests, RenderManifests

if TYPE_CHECKING:
    from kvx.drivers.api_server import Api

OLDEST = (1, 30)  # preStop with sleep, which the voice API's pods have, is on by default from there
DEADLINE_SECONDS = 5.0
KUBECTL_SECONDS = 10.0
# What kvx does in the cluster, as SelfSubjectAccessReview asks for it: group, resource, namespaced.
TOUCHED = (
    ("", "namespaces", False),
    ("scheduling.k8s.io", "priorityclasses", False),
    ("rbac.authorization.k8s.io", "clusterroles", False),
    ("rbac.authorization.k8s.io", "clusterrolebindings", False),
    ("", "configmaps", True),
    ("", "serviceaccounts", True),
    ("", "services", True),
    ("", "resourcequotas", True),
    ("", "limitranges", True),
    ("apps", "deployments", True),
    ("policy", "poddisruptionbudgets", True),
    ("autoscaling", "horizontalpodautoscalers", True),
    ("networking.k8s.io", "networkpolicies", True),
    ("coordination.k8s.io", "leases", True),
)
VERBS = ("get", "list", "create", "patch", "delete")


def of_rendering(step: RenderManifests) -> Iterator[Check]:
    """kubectl, and what it renders."""
    from kvx.drivers import machine
    from kvx.drivers.programs import run_program
    from kvx.world import real_world

    path = machine.program("kubectl")
    if path is None:
        fix = "https://kubernetes.io/docs/tasks/tools; any version that is not much older than the cluster"
        yield Check("kubectl", "missing", "kubectl is not on PATH", fix)
        return
    said = run_program((path, "version", "--client"), KUBECTL_SECONDS, real_world()).output
    yield Check("kubectl", "ok", f"{next(iter(said.splitlines()), 'of an unknown version')} at {path}")
    if step.wanted.overlay is None and not (step.source / "overlays" / step.wanted.target).is_dir():
        fix = "run kvx from a clone of the repository, or install it again"
        yield Check("manifests", "missing", f"{step.source} holds no manifests", fix)


def of_applying(step: ApplyManifests) -> Iterator[Check]:
    """The cluster; one that kvx makes first need not be there yet."""
    from kvx.drivers.clusters import api_of
    from kvx.world import real_world

    try:
        api = api_of(step.where, step.folder, real_world(), attempts=1)
    except KvxError as error:
        if step.where.made:
            yield Check("cluster", "later", "it is made first; then this tells how it is")
        else:
            yield Check("kubeconfig", "missing", error.message, error.fix)
        return
    yield from _of_cluster(api)


def _of_cluster(api: "Api") -> Iterator[Check]:
    try:
        version = api.get("/version", deadline_seconds=DEADLINE_SECONDS)
        yield _version(str(version.get("gitVersion")), api.address)
        yield _rights(api)
    except KvxError as error:
        yield Check("cluster", "missing", error.message, error.fix)


def _version(said: str, address: str) -> Check:
    words = f"Kubernetes {said} at {address}"
    try:
        major, minor = said.lstrip("v").split(".")[:2]
        old = (int(major), int(minor)) < OLDEST
    except ValueError:
        old = False
    if old:
        oldest = ".".join(map(str, OLDEST))
        return Check("cluster", "missing", f"{words} is older than {oldest}", "upgrade the cluster")
    return Check("cluster", "ok", words)


def _rights(api: "Api") -> Check:
    lacking = [f"{verb} {resource}" for verb, resource in _lacking(api)]
    if not lacking:
        return Check("rights", "ok", "the user of the kubeconfig may do all that kvx does there")
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    words = f"the user of the kubeconfig may not {', '.join(lacking[:3])}{more}"
    return Check("rights", "missing", words, "docs/cluster.md lists the rights; kubectl auth can-i --list")


def _lacking(api: "Api") -> Iterator[tuple[str, str]]:
    """Whoever may do everything is asked once."""
    if _may(api, "*", "*", "*", ""):
        return
    for group, resource, namespaced in TOUCHED:
        for verb in (*VERBS, "update") if resource == "leases" else VERBS:
            if not _may(api, verb, group, resource, "kvx" if namespaced else ""):
                yield verb, f"{resource}.{group}" if group else resource


def _may(api: "Api", verb: str, group: str, resource: str, namespace: str) -> bool:
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = api.create(path, review, deadline_seconds=DEADLINE_SECONDS)
    return bool(answer["status"]["allowed"])
