"""Why a machine was not reached: the one place that reads what ssh says in English, for it has no codes."""

from enum import Enum
from pathlib import Path


class SshFailure(Enum):
    """What ssh met; each has a fix of its own."""

    WRONG_HOST_KEY = "it shows another host key than the one that was handed over"
    UNKNOWN_HOST_KEY = "none of its host keys was handed over"
    REFUSED_KEY = "it refuses the key"
    NO_ANSWER = "it does not answer"

    @property
    def may_pass(self) -> bool:
        """Whether waiting can help: a machine that starts, or starts its SSH server anew."""
        return self is SshFailure.NO_ANSWER


# From openssh's sources: hostkeys.c and sshconnect.c say these. The first that is found counts.
_SAID = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", SshFailure.WRONG_HOST_KEY),
    ("No matching host key", SshFailure.WRONG_HOST_KEY),
    ("host key is known for", SshFailure.UNKNOWN_HOST_KEY),
    ("Host key verification failed", SshFailure.WRONG_HOST_KEY),
    ("Permission denied (", SshFailure.REFUSED_KEY),
    ("Too many authentication failures", SshFailure.REFUSED_KEY),
)


def failure_of(talk: str) -> SshFailure:
    """What ssh met, from what it said."""
    return next((failure for said, failure in _SAID if said in talk), SshFailure.NO_ANSWER)


def last_words(talk: str) -> str:
    """The last line of what ssh said, without whoever says it in front."""
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    return lines[-1].rpartition("ssh: ")[2] if lines else "nothing was said"


def fix_of(failure: SshFailure, folder: Path, address: str, key: Path) -> str:
    """What can be typed against it."""
    match failure:
        case SshFailure.WRONG_HOST_KEY:
            known = folder / "known_hosts.d" / address
            return f"somebody may answer in its place; if it was made anew: rm {known}, then kvx terraform"
        case SshFailure.UNKNOWN_HOST_KEY:
            return "kvx terraform hands over the host keys again"
        case SshFailure.REFUSED_KEY:
            return f"the machine was made with another key than {key}: bring that one back, or ssh-add it"
        case SshFailure.NO_ANSWER:
            return (
                "kvx drift shows whether it runs; hetzner.allowed_addresses whether this machine may reach it"
            )
