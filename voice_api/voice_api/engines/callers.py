"""Who asks: known by the hash of an API key, which is kept nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from voice_api.engines.choice import Policy

ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Caller:
    """The name is what ledger, figures and logs call them.

    policy    where a request says nothing else
    consents  whether their sound and text may leave the machine
    """

    name: str = ANYONE
    policy: Policy = "local"
    consents: bool = False


@dataclass(frozen=True, slots=True)
class Callers:
    """by_hash has the SHA-256 of a key in hexadecimal digits; anyone is who has no key that is known.

    OpenAI's clients always send some key: one that is not known is none.
    """

    by_hash: Mapping[str, Caller]
    anyone: Caller = Caller()

    def who(self, authorization: str | None) -> Caller:
        """By the header `Authorization: Bearer KEY`."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return self.anyone
        return self.by_hash.get(sha256(key.strip().encode()).hexdigest(), self.anyone)
