"""Functions about the conversation itself: where it is, who speaks, and what was said and done."""

from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Registry
from voice_api.commands.registry.kinds import ContextName, NamespaceName

TALKING = Registry()
_talks = TALKING.function


@_talks(Level.READ_ONLY, "Now in the cluster {context}.")
class SwitchContext(Arguments):
    """Talk about another cluster from now on; it cancels what waits for an answer."""

    context: ContextName


@_talks(Level.READ_ONLY, "Now in the namespace {namespace}.")
class SwitchNamespace(Arguments):
    """Talk about another namespace from now on, where none is said."""

    namespace: NamespaceName


@_talks(Level.READ_ONLY, "{outcome}")
class WhereAmI(Arguments):
    """Say which cluster and namespace are meant where none is said."""


@_talks(Level.READ_ONLY, "{outcome}")
class WhoAmI(Arguments):
    """Say who speaks, and what they may do."""


@_talks(Level.READ_ONLY, "{outcome}")
class WhatCanISay(Arguments):
    """Say what can be asked for."""


@_talks(Level.READ_ONLY, "{outcome}")
class WhatDidIDo(Arguments):
    """Say what the speaker changed lately."""
