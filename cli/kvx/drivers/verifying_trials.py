"""What only a trial shows: pods that live for one question, and others that must not be let in."""

from collections.abc import Iterator, Mapping

from kvx.cluster import verification
from kvx.cluster.client_pods import client, stranger
from kvx.cluster.refused_pods import refusal as why_no_pod
from kvx.cluster.trouble import Object
from kvx.cluster.verification import Finding, failed, not_shown, passed
from kvx.drivers import client_pods
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_speaking import question
from kvx.drivers.speaking import difference, kept
from kvx.drivers.verifying_subject import Subject, shown

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def by_trial(subject: Subject) -> Iterator[Finding]:
    """By pods that live for one question, and by others that must not be let in."""
    yield from _through_the_service(subject)
    yield shown("quota", lambda: _quota(subject))
    yield shown("pod security", lambda: _pod_security(subject))
    yield shown("rights", lambda: _rights(subject))


def _through_the_service(subject: Subject) -> Iterator[Finding]:
    """What a client in the cluster gets, and what somebody gets who is none."""
    names: list[Finding] = []
    client_pods.sweep(subject.api, subject.server.namespace)
    reached = shown("service", lambda: _client(subject, names))
    yield reached
    yield from names
    if reached.result is not verification.Result.PASS:
        yield not_shown("policies", "without a client that gets through, one that does not shows nothing")
        return
    yield shown("policies", lambda: _stranger(subject))


def _client(subject: Subject, names: list[Finding]) -> Finding:
    """Whether a client is answered; whether it could do so by the name goes into `names`."""
    step, name = question(), subject.server.service
    subject.world.progress("asking through the Service, from a pod that may")
    pod = client(subject.server, subject.template, _cluster_ip(subject), step.sentence, step.voice)
    said = client_pods.ask(subject.api, pod, subject.world)
    if said.answer is None:
        words = f"a client in the cluster got no answer from {name}: {said.wrong}"
        fix = f"kubectl --namespace {subject.server.namespace} describe endpointslices,networkpolicies"
        return failed("service", words, fix, serving=True)
    names.append(_name(subject, said.nameless))
    turn = kept(step, name, said.answer)
    if wrong := difference(step, turn):
        return failed("service", wrong.message, wrong.fix, serving=True)
    return passed("service", f'a pod asked {name}, which heard "{turn["heard"]}"', serving=True)


def _name(subject: Subject, nameless: str) -> Finding:
    server = subject.server
    name = f"{server.service}.{server.namespace}.svc"
    if not nameless:
        return passed("name", f"pods that are clients find it as {name}")
    words = f"{name} does not resolve in a pod that is a client ({nameless}); it was asked by its address"
    return failed("name", words, "kubectl --namespace kube-system get pods --selector k8s-app=kube-dns")


def _stranger(subject: Subject) -> Finding:
    subject.world.progress("knocking at the Service, from a pod that may not")
    pod = stranger(subject.server, subject.template, _cluster_ip(subject))
    said = client_pods.ask(subject.api, pod, subject.world)
    if said.answer is None:
        return passed("policies", f"a pod that is not called a client does not get through ({said.wrong})")
    words = "a pod that is not called a client reaches the voice API: the cluster enforces no NetworkPolicy"
    fix = "a network plugin that enforces them, such as that of k3s; kubectl get networkpolicies"
    return failed("policies", words, fix)


def _cluster_ip(subject: Subject) -> str:
    server = subject.server
    service = subject.api.get(f"/api/v1/namespaces/{server.namespace}/services/{server.service}")
    return str(service["spec"]["clusterIP"])


def _quota(subject: Subject) -> Finding:
    path = f"/api/v1/namespaces/{subject.server.namespace}"
    quotas, limits = subject.api.list(f"{path}/resourcequotas"), subject.api.list(f"{path}/limitranges")
    pods = [verification.over_quota(subject.server, subject.template, each, limits) for each in quotas]
    wished = next(filter(None, pods), None)
    if wished is None:
        return failed("quota", "no quota bounds processors or memory of the namespace", "kvx deploy")
    return _refused(subject, "quota", wished, "quota")


def _pod_security(subject: Subject) -> Finding:
    wished = verification.unrestricted(subject.server, subject.template)
    return _refused(subject, "pod security", wished, "pod_security")


def _refused(subject: Subject, name: str, pod: Object, kind: str) -> Finding:
    """Whether such a pod is refused, and for the right reason; it is only tried, never made."""
    error = client_pods.refusal_of(subject.api, pod)
    if error is None:
        return failed(
            name, "a pod that must be refused would be let in", "kvx deploy; kubectl get namespace -o yaml"
        )
    why = why_no_pod(error.said)
    if why.kind != kind:
        raise error
    return passed(name, f"a pod that breaks it is refused: {why.words}")


def _rights(subject: Subject) -> Finding:
    """What the voice API's own account may do: look, and nothing else."""
    name = subject.template["spec"].get("serviceAccountName", "default")
    user = f"system:serviceaccount:{subject.server.namespace}:{name}"
    may = {verb: _may(subject.api, user, verb) for verb in ("list", "delete", "create")}
    if may["delete"] or may["create"]:
        words = f"the account {name} may change pods"
        return failed("rights", words, "kubectl get clusterrolebindings,rolebindings -A; kvx deploy")
    if not may["list"]:
        return failed("rights", f"the account {name} may not list pods, so it cannot answer", "kvx deploy")
    return passed("rights", f"the account {name} may list pods, and neither make nor delete them")


def _may(api: Api, user: str, verb: str) -> bool:
    review: Mapping[str, object] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {"verb": verb, "resource": "pods"}},
    }
    return bool(api.create(REVIEWS, review)["status"]["allowed"])
