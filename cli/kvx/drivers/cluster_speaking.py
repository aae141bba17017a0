"""Asks the spoken sentence of each pod that serves, through a tunnel that no policy stands in the way of."""

from collections.abc import Sequence
from pathlib import Path

from kvx.cluster.client_pods import address_of
from kvx.cluster.serving import Server, Serving, servers_in
from kvx.cluster.trouble import Object
from kvx.drivers.api_server import Api
from kvx.drivers.port_forward import forwarded, why_not
from kvx.drivers.speaking import difference, turn_at
from kvx.errors import KvxError
from kvx.steps.service import INTENT, SENTENCE, UNSEEN_VOICE, SpeakAndCompare
from kvx.world import World

ATTEMPTS = 2
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 30.0

Turn = dict[str, object]


def question() -> SpeakAndCompare:
    """What is asked of every voice API."""
    return SpeakAndCompare(Path(), SENTENCE, INTENT, UNSEEN_VOICE, ANSWER_SECONDS)


def ask_each(
    api: Api, objects: Sequence[Object], serving: Sequence[Serving], world: World
) -> dict[str, Turn]:
    """What each pod has heard and answered, by its name; KvxError for the first that did not.

    Pods of Deployments that no Service leads to are not asked: they are not there to be spoken to.
    """
    turns: dict[str, Turn] = {}
    for server in servers_in(objects):
        for pod in pods_of(server, serving):
            world.progress(f"asking pod {pod}: {SENTENCE}?")
            turn = _asked(api, server.namespace, pod, server.port, world)
            turns[pod] = {**turn, "address": address_of(server)}
    return turns


def pods_of(server: Server, serving: Sequence[Serving]) -> tuple[str, ...]:
    """The pods that serve, of the Deployment behind a Service."""
    wanted = (server.namespace, server.deployment)
    return tuple(pod for each in serving if (each.namespace, each.deployment) == wanted for pod in each.pods)


def _asked(api: Api, namespace: str, pod: str, port: int, world: World) -> Turn:
    """A second time where it did not answer at all or otherwise than meant: a pod may be just starting."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _asked_once(api, namespace, pod, port, world)
        except KvxError as error:
            if attempt == ATTEMPTS:
                message = f"pod {pod} is ready, but does not answer a spoken sentence: {error.message}"
                raise KvxError(message, error.fix) from None
        world.sleep(PAUSE_SECONDS)
    raise AssertionError("there is at least one attempt")


def _asked_once(api: Api, namespace: str, pod: str, port: int, world: World) -> Turn:
    step = question()
    with forwarded(api, namespace, pod, port) as tunnel:
        try:
            data = turn_at(tunnel.address, step, world)
        except KvxError as error:
            raise why_not(tunnel, pod, error) from None
    if wrong := difference(step, data):
        raise wrong
    return data
