"""Verifies a voice API in a cluster: what is released, what runs, what it answers, and what is in force."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from kvx.cluster import verification
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.pods import name_of
from kvx.cluster.releases import Release
from kvx.cluster.rollout import least_of, state_of
from kvx.cluster.serving import Server, Serving, deployments_in, namespace_of, servers_in
from kvx.cluster.trouble import Object
from kvx.cluster.verification import Finding, answer_is_true, failed, not_shown, passed
from kvx.drivers import releases, voice_api
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_speaking import Turn, ask_each, pods_of
from kvx.drivers.clusters import api_of
from kvx.drivers.port_forward import forwarded, why_not
from kvx.drivers.rollout import look
from kvx.drivers.verifying_subject import Subject, shown
from kvx.drivers.verifying_trials import by_trial
from kvx.errors import ExitCode, KvxError
from kvx.steps.releases import VerifyCluster
from kvx.world import Outcome, World

METRICS_PORT = 9090
FIGURE = "kvx_voice_commands_total"
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Verified:
    """All that was looked at, and the first turn of the conversation, if there was one."""

    release: Release
    findings: tuple[Finding, ...]
    turn: Turn


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
    tried = () if only_looking else by_trial(subject)
    findings = (*_by_looking(subject, release, turns), *tried)
    return Verified(release, findings, next(iter(turns.values()), {}))


def _subject(api: Api, objects: tuple[Object, ...], world: World) -> Subject:
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
    return Subject(api, world, objects, server, template, pods, found.nodes, state)


def _by_looking(subject: Subject, release: Release, turns: dict[str, Turn]) -> Iterator[Finding]:
    """In the order in which they are told; what was said goes into `turns`."""
    yield _ready(subject)
    yield verification.images(subject.pods, release.images)
    yield shown("architecture", lambda: _architecture(subject))
    yield shown("sentence", lambda: _sentence(subject, turns))
    yield shown("endpoints", lambda: _endpoints(subject))
    yield shown("figures", lambda: _figures(subject))


def _ready(subject: Subject) -> Finding:
    state = subject.state
    words = "; ".join((state.words, *(trouble.whole for trouble in state.troubles)))
    if state.served:
        return passed("ready", state.words, serving=True)
    fix = state.troubles[0].fix if state.troubles else "wait a little, then kvx verify"
    return failed("ready", words, fix, serving=True)


def _architecture(subject: Subject) -> Finding:
    said: dict[str, str] = {}
    for pod in subject.pods:
        with forwarded(subject.api, namespace_of(pod), name_of(pod), subject.server.port) as tunnel:
            try:
                said[name_of(pod)] = str(voice_api.health(tunnel.address, SECONDS)["cpu"]["machine"])
            except KvxError as error:
                raise why_not(tunnel, name_of(pod), error) from None
    return verification.architectures(subject.pods, subject.nodes, said)


def _sentence(subject: Subject, turns: dict[str, Turn]) -> Finding:
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
    if None in counts:
        return _unanswered(server, next(turn for turn in turns.values() if turn["counted"] is None))
    if not all(answer_is_true(counted, before, after) for counted in counts):
        words = f"the cluster has {after} pods, and the answer counts {', '.join(map(str, counts))}"
        return failed("sentence", words, "kvx say 'how many pods are there'")
    first = next(iter(turns.values()))
    words = f'each of {len(turns)} pods heard "{first["heard"]}" and answered: {first["reply"]}'
    return passed("sentence", words, serving=True)


def _unanswered(server: Server, turn: Turn) -> Finding:
    """A pod that hears and cannot look at the cluster is of no use to who asks."""
    fix = f"kubectl --namespace {server.namespace} logs deployment/{server.deployment}"
    words = f'a pod heard "{turn["heard"]}", and could not count: {turn["reply"]}'
    return failed("sentence", words, fix, serving=True)


def _endpoints(subject: Subject) -> Finding:
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


def _figures(subject: Subject) -> Finding:
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
