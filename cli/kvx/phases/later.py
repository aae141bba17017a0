"""Phases that a later version brings: in the plan already, so that what needs them is refused in words."""

from collections.abc import Callable

from kvx.deployment import Deployment
from kvx.plan import Phase

LATER = {
    "manifests": ("apply the manifests", "the voice API on Kubernetes, rendered by Kustomize and applied"),
}


def later(name: str) -> Callable[[Deployment], Phase]:
    """The phase function of a phase that has no steps yet."""
    summary, arrives = LATER[name]

    def phase(_deployment: Deployment) -> Phase:
        return Phase(name, summary, arrives=arrives)

    return phase
