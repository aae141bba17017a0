"""Puts the commands together: which cluster they are about, who acts there, and what extensions add."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voice_api.acting import Acts, acts
from voice_api.cluster.choose import ClusterChoice, choose_cluster
from voice_api.cluster.protocol import Cluster
from voice_api.commands.core import CommandCore
from voice_api.extensions.adding import MakesParts, every_extension, knowing_extensions, language
from voice_api.settings import Settings, Surroundings


@dataclass(frozen=True, slots=True)
class Commanding:
    """The commands, who may give them, and how to end what was started for them."""

    core: CommandCore
    acts: Acts
    close: Callable[[], None]


def commanding(
    settings: Settings,
    around: Surroundings,
    cluster: Cluster,
    knowing: Callable[[MakesParts | None], MakesParts | None] = lambda parts: parts,
) -> Commanding:
    """VoiceApiError where users, an extension or a grammar cannot be used.

    knowing  adds what else there is to know, such as budgets
    """
    more = every_extension(Path(settings.extensions_folder) if settings.extensions_folder else None)
    own = (Path(settings.grammar_file),) if settings.grammar_file else ()
    spoken = language(more, own)
    acting = acts(settings, around, cluster, lambda context: chosen_cluster(settings, around, context))
    parts = knowing_extensions(knowing(acting.parts), more)

    def close() -> None:
        more.close()
        if acting.audit is not None:
            acting.audit.end()

    return Commanding(CommandCore(cluster, spoken, parts, beside=more.names), acting, close)


def chosen_cluster(settings: Settings, around: Surroundings, context: str = "") -> Cluster:
    """The cluster of the settings, or of another context of the same kubeconfig; does not connect yet."""
    choice = ClusterChoice(
        kubeconfig=settings.kubeconfig,
        environment_kubeconfig=around.kubeconfig_files,
        home_kubeconfig=around.home / ".kube" / "config" if around.home else None,
        context=context or settings.context,
    )
    return choose_cluster(choice)
