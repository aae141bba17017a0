"""As whom something is done in a cluster: a user and groups, told to the API server with every request."""

import re
from dataclasses import dataclass

from voice_api.errors import VoiceApiError

# The groups and users that Kubernetes itself gives rights to: never taken on, whoever allows it.
RESERVED = "system:"
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9@.:_/+-]{0,252}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the cluster with all groups; VoiceApiError for a name that no header should carry."""

    name: str
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in (self.name, *self.groups):
            if each.startswith(RESERVED) or not PLAIN.fullmatch(each):
                message = f"nobody is impersonated as {each[:64]!r}"
                fix = "use names of letters, digits and . : @ _ / + -, that do not begin with system:"
                raise VoiceApiError("identity_invalid", message, fix, 403)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """A header for each group: the API server does not split them at commas."""
        return (("Impersonate-User", self.name), *(("Impersonate-Group", group) for group in self.groups))
