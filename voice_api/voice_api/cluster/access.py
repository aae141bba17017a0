"""What a user may do in a cluster, and a connection that does it: as the user, or after asking for them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voice_api.cluster.connection import Connection
from voice_api.cluster.identity import Identity
from voice_api.cluster.requests import Sent
from voice_api.cluster.reviews import Attempt, attempt_of, may, may_impersonate, may_of

MOST_USERS = 100
LOOK_AGAIN_SECONDS = 60.0


class UserAccess(Protocol):
    """One user's way into one cluster."""

    @property
    def connection(self) -> Connection: ...

    @property
    def as_user(self) -> bool:
        """Whether the API server itself sees the user; otherwise `may` is all that stands in between."""
        ...

    def may(self, attempt: Attempt) -> bool: ...


@dataclass(frozen=True, slots=True)
class AsUser:
    """Everything is done as the user: the cluster's own rules hold, whatever is asked before."""

    connection: Connection
    as_user: bool = True

    def may(self, attempt: Attempt) -> bool:
        return may(self.connection, attempt)


class AskedFor:
    """Done with the service's own rights, after the cluster said that the user may: weaker, and told.

    It is asked before every single request, those that only read as well.
    """

    as_user = False

    def __init__(self, service: Connection, identity: Identity) -> None:
        self._service, self._identity = service, identity
        self.connection = service.guarded(self._lets)

    def may(self, attempt: Attempt) -> bool:
        return may_of(self._service, self._identity, attempt)

    def _lets(self, request: Sent) -> bool:
        attempt = attempt_of(request)
        return attempt is not None and self.may(attempt)


class Access:
    """The ways of all users into one cluster: a connection for each, never shared between two."""

    def __init__(self, service: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._users: OrderedDict[Identity, tuple[float, UserAccess]] = OrderedDict()

    @property
    def service(self) -> Connection:
        """With the service's own rights: for what is no user's business, such as the cluster's uid."""
        return self._service

    def of(self, identity: Identity) -> UserAccess:
        """The way of this user; whether it may be impersonated is asked again every minute."""
        with self._lock:
            until, known = self._users.get(identity, (0.0, None))
            if known is not None and self._clock() < until:
                self._users.move_to_end(identity)
                return known
        found = self._found(identity, known)
        with self._lock:
            self._users[identity] = self._clock() + LOOK_AGAIN_SECONDS, found
            self._users.move_to_end(identity)
            while len(self._users) > MOST_USERS:
                self._users.popitem(last=False)
        return found

    def _found(self, identity: Identity, known: UserAccess | None) -> UserAccess:
        if not may_impersonate(self._service, identity):
            return AskedFor(self._service, identity)
        return known if known is not None and known.as_user else AsUser(self._service.as_user(identity))
