"""The phase that speaks to the voice API and looks whether it understood."""

from kvx.deployment import Deployment
from kvx.plan import Phase
from kvx.steps.service import INTENT, SENTENCE, UNSEEN_VOICE, SpeakAndCompare


def verify(deployment: Deployment) -> Phase:
    """One spoken question; looking changes nothing, so there is nothing to undo."""
    question = SpeakAndCompare(deployment.folder, SENTENCE, INTENT, UNSEEN_VOICE)
    return Phase("verify", "a spoken question, answered", (question,))
