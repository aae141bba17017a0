"""Commands in kvx's words, as this user types them."""

import re

from kvx.settings.load import called_as


def typed(words: str) -> str:
    """`kvx status` becomes `./deploy.sh status` for who came by deploy.sh and has no kvx on the path.

    A namespace of that name stays what it is.
    """
    return re.sub(r"(?<!-n )(?<!--namespace )\bkvx (?=[a-z])", lambda _: f"{called_as()} ", words)
