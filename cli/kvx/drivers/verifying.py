"""Verifies a voice API in a cluster: what is released, what runs, what it answers, and what is in force."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from kvx.cluster import verification
from kvx.cluster.client_pods import client, stranger
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.pods import name_of
from kvx.cluster.refused_pods import refusal as why_no_pod
from kvx.cluster.releases import Release
from kvx.cluster.rollout import State, least_of, state_of
from kvx.cluster.serving import Server, Serving, deployments_in, namespace_of, servers_in
from kvx.cluster.trouble import Object
from kvx.cluster.verification import Finding, answer_is_true, failed, not_shown, passed
from kvx.drivers import client_pods, releases, voice_api
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_speaking import Turn, ask_each, pods_of, question
from kvx.drivers.clusters import api_of
from kvx.drivers.port_forward import forwarded, why_not
from kvx.drivers.rollout import look
from kvx.drivers.speaking import difference, kept
from kvx.errors import ExitCode, KvxError
from kvx.steps.releases import VerifyCluster
from kvx.world import Outcome, World

METRICS_PORT = 9090
FIGURE = "kvx_voice_commands_total"
SECONDS = 10.0
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Verified:
    """All that was looked at, and the first turn of the conversation, if there was one."""

    release: Release
    findings: tuple[Finding, ...]
    turn: Turn


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is verified: a release as it runs now."""

    api: Api
    world: World
    objects: tuple[Object, ...]
    server: Server
    template: Object
    pods: tuple[Object, ...]
    nodes: Sequence[Object] | None
    state: State


def perform(step: VerifyCluster, world: World) -> Outcome:
    """Every line is told; a KvxError with exit code 1 where one failed that counts."""
    verified = verify(api_of(step.where, step.folder, world), NAMESPACE, world, only_looking=True)
    if wrong := verification.verdict(verified.findings, serving_only=True):
        for each in verified.findings:
            world.progress(verification.line_of(each))
        raise wrong
    lines = tuple(verification.line_of(each) for each in verified.findings)
    findings = [asdict(each) for each in verified.findings]
    data = {**verified.turn, "release": verified.release.revision, "findings": findings}
    return Outcome(changed=False, lines=lines, data=data)


def verify(api: Api, namespace: str, world: World, *, only_looking: bool = False) -> Verified:
    """Everything that can be shown of the last release; a KvxError where nothing was ever deployed.

    `only_looking` leaves out what needs a pod or a trial: a deploy that changes nothing writes nothing.
    """
    release = releases.latest(api, namespace)
    if release is None:
        message = f"no release of kvx is in the namespace {namespace} of this cluster"
        raise KvxError(message, "kvx deploy", ExitCode.MISSING)
    subject = _subject(api, release.objects, world)
    turns: dict[str, Turn] = {}
    by_trial = () if only_looking else _by_trial(subject)
    findings = (*_by_looking(subject, release, turns), *by_trial)
    return Verified(release, findings, next(iter(turns.values()), {}))


def _subject(api: Api, objects: tuple[Object, ...], world: World) -> _Subject:
    servers = servers_in(objects)
    if not servers:
        message = "no Service with a port called http leads to a Deployment of the release"
        raise KvxError(message, "kvx lint, which finds Services that select nothing")
    server = servers[0]
    wanted = (server.namespace, server.deployment)
    deployment = next(
        each for each in deployments_in(objects) if (namespace_of(each), name_of(each)) == wanted
    )
    found = look(api, deployment)
    state = state_of(found, least_of(deployment, objects))
    pods = tuple(pod for pod in found.pods if name_of(pod) in state.ready_pods)
    template = deployment["spec"]["template"]
    return _Subject(api, world, objects, server, template, pods, found.nodes, state)


def _by_looking(subject: _Subject, release: Release, turns: dict[str, Turn]) -> Iterator[Finding]:
    """In the order in which they are told; what was said goes into `turns`."""
    yield _ready(subject)
    yield verification.images(subject.pods, release.images)
    yield _shown("architecture", lambda: _architecture(subject))
    yield _shown("sentence", lambda: _sentence(subject, turns))
    yield _shown("endpoints", lambda: _endpoints(subject))
    yield _shown("figures", lambda: _figures(subject))


def _by_trial(subject: _Subject) -> Iterator[Finding]:
    """By pods that live for one question, and by others that must not be let in."""
    yield from _through_the_service(subject)
    yield _shown("quota", lambda: _quota(subject))
    yield _shown("pod security", lambda: _pod_security(subject))
    yield _shown("rights", lambda: _rights(subject))


def _shown(name: str, find: Callable[[], Finding]) -> Finding:
    """What cannot be asked, for want of a right for one, is not shown: it may be in order."""
    try:
        return find()
    except KvxError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return not_shown(name, error.message, error.fix)


def _ready(subject: _Subject) -> Finding:
    state = subject.state
    words = "; ".join((state.words, *(trouble.whole for trouble in state.troubles)))
    if state.served:
        return passed("ready", state.words, serving=True)
    fix = state.troubles[0].fix if state.troubles else "wait a little, then kvx verify"
    return failed("ready", words, fix, serving=True)


def _architecture(subject: _Subject) -> Finding:
    said: dict[str, str] = {}
    for pod in subject.pods:
        with forwarded(subject.api, namespace_of(pod), name_of(pod), subject.server.port) as tunnel:
            try:
                said[name_of(pod)] = str(voice_api.health(tunnel.address, SECONDS)["cpu"]["machine"])
            except KvxError as error:
                raise why_not(tunnel, name_of(pod), error) from None
    return verification.architectures(subject.pods, subject.nodes, said)


def _sentence(subject: _Subject, turns: dict[str, Turn]) -> Finding:
    """Each pod, by itself; what it counted is held to what the cluster has."""
    server = subject.server
    serving = Serving(server.namespace, server.deployment, tuple(map(name_of, subject.pods)))
    if not pods_of(server, [serving]):
        return not_shown("sentence", "no pod is ready to be asked")
    before = len(subject.api.list("/api/v1/pods"))
    try:
        turns |= ask_each(subject.api, subject.objects, [serving], subject.world)
    except KvxError as error:
        return failed("sentence", error.message, error.fix, serving=True)
    after = len(subject.api.list("/api/v1/pods"))
    counts = [turn["counted"] for turn in turns.values()]
    if not all(answer_is_true(counted, before, after) for counted in counts):
        words = f"the cluster has {after} pods, and the answer counts {', '.join(map(str, counts))}"
        return failed("sentence", words, "kvx say 'how many pods are there'")
    first = next(iter(turns.values()))
    words = f'each of {len(turns)} pods heard "{first["heard"]}" and answered: {first["reply"]}'
    return passed("sentence", words, serving=True)


def _endpoints(subject: _Subject) -> Finding:
    """Whether the Service leads to every pod that is ready."""
    server = subject.server
    path = f"/apis/discovery.k8s.io/v1/namespaces/{server.namespace}/endpointslices"
    slices = subject.api.list(path, labelSelector=f"kubernetes.io/service-name={server.service}")
    ready = {
        (each.get("targetRef") or {}).get("name")
        for part in slices
        for each in part.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready") is not False
    }
    missing = [name_of(pod) for pod in subject.pods if name_of(pod) not in ready]
    if missing or not ready:
        words = f"the Service {server.service} does not lead to {', '.join(missing) or 'any pod'}"
        fix = f"kubectl --namespace {server.namespace} describe service {server.service}"
        return failed("endpoints", words, fix, serving=True)
    return passed(
        "endpoints", f"the Service {server.service} leads to each of {len(ready)} pods", serving=True
    )


def _through_the_service(subject: _Subject) -> Iterator[Finding]:
    """What a client in the cluster gets, and what somebody gets who is none."""
    names: list[Finding] = []
    client_pods.sweep(subject.api, subject.server.namespace)
    reached = _shown("service", lambda: _client(subject, names))
    yield reached
    yield from names
    if reached.result is not verification.Result.PASS:
        yield not_shown("policies", "without a client that gets through, one that does not shows nothing")
        return
    yield _shown("policies", lambda: _stranger(subject))


def _client(subject: _Subject, names: list[Finding]) -> Finding:
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


def _name(subject: _Subject, nameless: str) -> Finding:
    server = subject.server
    name = f"{server.service}.{server.namespace}.svc"
    if not nameless:
        return passed("name", f"pods that are clients find it as {name}")
    words = f"{name} does not resolve in a pod that is a client ({nameless}); it was asked by its address"
    return failed("name", words, "kubectl --namespace kube-system get pods --selector k8s-app=kube-dns")


def _stranger(subject: _Subject) -> Finding:
    subject.world.progress("knocking at the Service, from a pod that may not")
    pod = stranger(subject.server, subject.template, _cluster_ip(subject))
    said = client_pods.ask(subject.api, pod, subject.world)
    if said.answer is None:
        return passed("policies", f"a pod that is not called a client does not get through ({said.wrong})")
    words = "a pod that is not called a client reaches the voice API: the cluster enforces no NetworkPolicy"
    fix = "a network plugin that enforces them, such as that of k3s; kubectl get networkpolicies"
    return failed("policies", words, fix)


def _cluster_ip(subject: _Subject) -> str:
    server = subject.server
    service = subject.api.get(f"/api/v1/namespaces/{server.namespace}/services/{server.service}")
    return str(service["spec"]["clusterIP"])


def _figures(subject: _Subject) -> Finding:
    """The figures that Prometheus would scrape; the sentence has been counted in them."""
    if not subject.pods:
        return not_shown("figures", "no pod is ready to be asked")
    pod = name_of(subject.pods[0])
    with forwarded(subject.api, subject.server.namespace, pod, METRICS_PORT) as tunnel:
        try:
            figures = voice_api.figures(f"{tunnel.address}/metrics", SECONDS)
        except KvxError as error:
            raise why_not(tunnel, pod, error) from None
    if not figures.get(FIGURE):
        words = f"/metrics of pod {pod} has {len(figures)} figures, and counts no command that was answered"
        return failed("figures", words, f"kubectl port-forward {pod} {METRICS_PORT}")
    return passed("figures", f"/metrics has {len(figures)} figures, and has counted the commands asked here")


def _quota(subject: _Subject) -> Finding:
    path = f"/api/v1/namespaces/{subject.server.namespace}"
    quotas, limits = subject.api.list(f"{path}/resourcequotas"), subject.api.list(f"{path}/limitranges")
    pods = [verification.over_quota(subject.server, subject.template, each, limits) for each in quotas]
    wished = next(filter(None, pods), None)
    if wished is None:
        return failed("quota", "no quota bounds processors or memory of the namespace", "kvx deploy")
    return _refused(subject, "quota", wished, "quota")


def _pod_security(subject: _Subject) -> Finding:
    wished = verification.unrestricted(subject.server, subject.template)
    return _refused(subject, "pod security", wished, "pod_security")


def _refused(subject: _Subject, name: str, pod: Object, kind: str) -> Finding:
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


def _rights(subject: _Subject) -> Finding:
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
