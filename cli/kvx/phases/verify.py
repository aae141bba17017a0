"""The phase that speaks to the voice API and looks whether it understood."""

from collections.abc import Callable

from kvx.deployment import Deployment
from kvx.plan import Phase
from kvx.steps.manifests import Where
from kvx.steps.releases import VerifyCluster
from kvx.steps.service import INTENT, SENTENCE, UNSEEN_VOICE, SpeakAndCompare


def verify(deployment: Deployment) -> Phase:
    """One spoken question; looking changes nothing, so there is nothing to undo."""
    question = SpeakAndCompare(deployment.folder, SENTENCE, INTENT, UNSEEN_VOICE)
    return Phase("verify", "a spoken question, answered", (question,))


def verify_cluster(*, made: bool) -> Callable[[Deployment], Phase]:
    """The phase function for a cluster: what runs there, what it answers, and what is in force."""

    def phase(deployment: Deployment) -> Phase:
        settings = deployment.settings.kubernetes
        where = Where(made=True) if made else Where(settings.kubeconfig, settings.context)
        look = VerifyCluster(deployment.folder, where)
        return Phase("verify", "a spoken question through the Service, answered", (look,))

    return phase
