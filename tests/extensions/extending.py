"""Who asks extensions, and how a core is made that knows them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from voice_api.cluster.demo import DemoCluster
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.extensions.adding import added, knowing_extensions, language
from voice_api.extensions.extension import Extension

EXAMPLE = Path(__file__).parents[2] / "examples" / "docker-containers"
OPERATOR = Turn(User("ada", frozenset({"operator"}), EVERYWHERE), "kitchen")


@dataclass
class Opened:
    """Makes cores that know extensions, and closes these in the end."""

    closes: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, *extensions: Extension) -> CommandCore:
        more = added(extensions)
        self.closes.append(more.close)
        return CommandCore(DemoCluster(), language(more), knowing_extensions(None, more), beside=more.names)
