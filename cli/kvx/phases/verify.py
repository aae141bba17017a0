"""The phase that speaks to the voice API and looks whether it understood."""

from kvx.deployment import Deployment
from kvx.plan import Phase
from kvx.steps.service import SpeakAndCompare

# A voice the embedded model was not trained on: voice_api/training/voices.toml, unseen_variants.
UNSEEN_VOICE = "en-gb+f5"
SENTENCE = "how many pods are not ready"
INTENT = "unready_pods"


def verify(deployment: Deployment) -> Phase:
    """One spoken question; looking changes nothing, so there is nothing to undo."""
    question = SpeakAndCompare(deployment.folder, SENTENCE, INTENT, UNSEEN_VOICE)
    return Phase("verify", "a spoken question, answered", (question,))
