"""Which function of the registry is answered by what."""

from collections.abc import Mapping
from types import MappingProxyType

from voice_api.cluster.protocol import Cluster
from voice_api.commands.answers.costs import cost
from voice_api.commands.answers.happenings import events
from voice_api.commands.answers.lists import images_of, list_objects, restarted, top
from voice_api.commands.answers.logs import logs
from voice_api.commands.answers.objects import describe, what_is_wrong
from voice_api.commands.answers.reading import Act
from voice_api.commands.answers.rollouts import rollout_history, rollout_status
from voice_api.commands.functions import FUNCTIONS, Answer
from voice_api.commands.registry.declaring import Call


def _plainly(name: str) -> Act:
    """An answer that takes its arguments by name."""
    act = FUNCTIONS[name].act

    def answer(cluster: Cluster, call: Call) -> Answer:
        return act(cluster, **call.values)

    return answer


ANSWERS: Mapping[str, Act] = MappingProxyType(
    {
        **{name: _plainly(name) for name in FUNCTIONS},
        "list_objects": list_objects,
        "describe": describe,
        "what_is_wrong": what_is_wrong,
        "logs": logs,
        "events": events,
        "summarise_logs": logs,
        "summarise_events": events,
        "top": top,
        "restarts": restarted,
        "images": images_of,
        "cost": cost,
        "rollout_status": rollout_status,
        "rollout_history": rollout_history,
    }
)
