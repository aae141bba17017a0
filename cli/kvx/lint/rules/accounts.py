"""Service accounts: as whom a pod runs, and whether it carries a token of the cluster."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod
from kvx.lint.rule import Found, Rule, each_alone, each_pod

Places = Iterator[tuple[Node, str]]


def runs_as(pod: Pod, account: str) -> bool:
    """Whether a pod runs as this service account of its namespace."""
    return (pod.spec.at("serviceAccountName").text or "default") == account


def shows_token(pod: Pod, manifests: Manifests) -> bool:
    """Whether a token is in it, by a volume or by itself."""
    projected = [
        source
        for volume in pod.spec.at("volumes").items
        for source in volume.at("projected", "sources").items
    ]
    if any("serviceAccountToken" in source.keys for source in projected):
        return True
    return _automounts(pod, manifests)


def _automounts(pod: Pod, manifests: Manifests) -> bool:
    own = pod.spec.at("automountServiceAccountToken").value
    if own is not None:
        return own is True
    name = pod.spec.at("serviceAccountName").text or "default"
    account = manifests.find("ServiceAccount", name, pod.object.namespace)
    return account is None or account.root.at("automountServiceAccountToken").value is not False


def _token(pod: Pod) -> Places:
    place = pod.spec.at("automountServiceAccountToken")
    if place.value is not False:
        yield place, "it carries a token of the cluster, whether it needs one or not"


@each_alone("ServiceAccount")
def _account_token(account: Object) -> Places:
    place = account.root.at("automountServiceAccountToken")
    if place.value is not False:
        yield place, "every pod that runs as it carries a token"


def _default_account(pod: Pod) -> Places:
    place = pod.spec.at("serviceAccountName")
    if place.text in {"", "default"}:
        yield place, "it runs as default, which whatever is installed later shares"


def _account_missing(manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        place = pod.spec.at("serviceAccountName")
        there = manifests.find("ServiceAccount", place.text, pod.object.namespace)
        if place.text not in {"", "default"} and there is None:
            yield Found(pod.object, place.path, f"there is no ServiceAccount {place.text} here")


ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app}\n"
ACCOUNT += "automountServiceAccountToken: false\n---\n"
POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {{name: app}}\nspec: {{serviceAccountName: app, {}}}\n---\n".format
)
RULES = (
    Rule(
        "token-mounted",
        "A pod carries no token by default.",
        "Whatever breaks in can speak to the API server.",
        "automountServiceAccountToken: false, and a projected serviceAccountToken where it is used",
        "automountServiceAccountToken: true",
        "automountServiceAccountToken: false",
        each_pod(_token),
        "pod",
        ("CKV_K8S_38",),
    ),
    Rule(
        "account-token",
        "A service account gives no token by default.",
        "Every pod that runs as it carries one, also those that come later.",
        "automountServiceAccountToken: false",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app}",
        ACCOUNT,
        _account_token,
        "manifests",
    ),
    Rule(
        "default-account",
        "A pod runs as a service account of its own.",
        "Rights given to default are given to every pod of the namespace.",
        "serviceAccountName: NAME, and a ServiceAccount of that name",
        "serviceAccountName: default",
        "serviceAccountName: app",
        each_pod(_default_account),
        "pod",
        ("CKV_K8S_41", "CKV_K8S_42"),
    ),
    Rule(
        "account-missing",
        "The service account of a pod is there.",
        "The API server refuses the pods.",
        "add the ServiceAccount, or write the name of one that is there",
        POD("containers: []"),
        ACCOUNT + POD("containers: []"),
        _account_missing,
        "manifests",
        ("kube-linter non-existent-service-account",),
    ),
)
