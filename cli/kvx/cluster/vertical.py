"""Who carries out what a VerticalPodAutoscaler decides: its updater and its admission controller."""

from collections.abc import Iterable, Sequence
from typing import Any

from kvx.cluster.pods import name_of
from kvx.cluster.trouble import Object
from kvx.errors import ExitCode, KvxError

KIND = ("autoscaling.k8s.io", "VerticalPodAutoscaler")
UPDATER = "vpa-updater"
_ADVISES, _AT_BIRTH = "Off", "Initial"
_RESOURCE = "verticalpodautoscalers"


def acting(objects: Sequence[Object]) -> tuple[Object, ...]:
    """Those that change requests by themselves; Kubernetes takes one that says nothing for such."""
    found = (each for each in objects if each.get("kind") == KIND[1])
    return tuple(each for each in found if mode(each) != _ADVISES)


def mode(autoscaler: Object) -> str:
    policy = (autoscaler.get("spec") or {}).get("updatePolicy") or {}
    return str(policy.get("updateMode") or "Auto")


def missing_part(
    autoscaler: Object, webhooks: Iterable[Object], deployments: Iterable[Object]
) -> KvxError | None:
    """Why nothing would come of it; None where all that it needs is there."""
    lacking = [] if any(map(_admits, webhooks)) else ["no admission controller is registered for it"]
    if mode(autoscaler) != _AT_BIRTH and not any(map(_updates, deployments)):
        lacking.append(f"no Deployment runs {UPDATER}")
    if not lacking:
        return None
    message = (
        f"VerticalPodAutoscaler {name_of(autoscaler)} is to change requests by itself "
        f"(updateMode {mode(autoscaler)}), and nothing in the cluster would: {' and '.join(lacking)}"
    )
    fix = "install updater and admission controller of the Vertical Pod Autoscaler (on k3s the component "
    fix += "vertical-pod-autoscaler does); or leave out vpa-memory"
    return KvxError(message, f"{fix}, then vpa alone gives advice", ExitCode.MISSING)


def _admits(configuration: Object) -> bool:
    """The admission controller looks at autoscalers too, and nobody else does."""
    rules = (rule for webhook in configuration.get("webhooks") or () for rule in webhook.get("rules") or ())
    return any(_RESOURCE in (rule.get("resources") or ()) for rule in rules)


def _updates(deployment: Object) -> bool:
    """By the name of its image, which is the same wherever it is pulled from."""
    spec: dict[str, Any] = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    wanted = int((deployment.get("spec") or {}).get("replicas", 1))
    images = (str(each.get("image", "")) for each in spec.get("containers") or ())
    names = (image.partition("@")[0].rpartition("/")[2].partition(":")[0] for image in images)
    return wanted > 0 and any(name.startswith(UPDATER) for name in names)
