"""The images there are: what each is made of, and which part of the manifests runs it."""

from collections.abc import Iterable
from dataclasses import dataclass

from kvx.images.reference import LOCAL

UNFILLED_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image is called everywhere: in docker-bake.hcl, docker/NAME.Dockerfile, images.json, k8s/.

    components  of k8s/components, each of which runs it; none where it always runs
    made_of     folders of the sources: what is changed there and not committed makes it dirty
    serves      whether it answers, and so must tell its health
    """

    name: str
    components: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ("docker", "requirements", "voice_api")
    serves: bool = True

    @property
    def unfilled(self) -> str:
        """What k8s/ calls it until kvx fills in where it is."""
        return f"{LOCAL}/{self.name}"


VOICE_API = Recipe("voice-api")
# The first is in every deployment, and others may be made of those before them.
RECIPES = (
    VOICE_API,
    Recipe("voice-processor", ("voice-processor", "persistence")),
    Recipe("kvx", ("cost-report", "cost-figures"), made_of=("cli", "docker", "requirements"), serves=False),
)
NAMES = tuple(each.name for each in RECIPES)


def recipe_of(name: str) -> Recipe:
    """That of an image's name; of one that is not ours, what holds for the voice API."""
    return next((each for each in RECIPES if each.name == name), VOICE_API)


def names_for(components: Iterable[str]) -> tuple[str, ...]:
    """The images that these components need beside those that always run."""
    chosen = frozenset(components)
    return tuple(each.name for each in RECIPES if not each.components or chosen & set(each.components))
