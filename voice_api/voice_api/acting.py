"""Puts together who may change something: users, what they do in the cluster, and the journal of it."""

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from voice_api.cluster.protocol import Cluster
from voice_api.commands.audit import Audit
from voice_api.commands.confirmation.store import PendingsInMemory, PendingStore
from voice_api.commands.conversation.acting import Acting, Looking, Opened
from voice_api.commands.level import EVERY_ENVIRONMENT, Environment
from voice_api.http.engines import Anybody, Users
from voice_api.recording import look_after, opened_audit
from voice_api.settings import Settings, SettingsError, Surroundings
from voice_api.users.book import Book
from voice_api.users.discovery import PATIENCE_SECONDS, PublishedKeys, published
from voice_api.users.file import BookFile
from voice_api.users.issuer import IssuedSessions, Issuer
from voice_api.users.speaker import Known


@dataclass(frozen=True, slots=True)
class Acts:
    """Who speaks; and where there are users, what they may set in motion and where it is written down."""

    users: Users
    parts: Acting | Looking | None = None
    audit: Audit | None = None


def acts(settings: Settings, around: Surroundings, cluster: Cluster, other: Callable[[str], Cluster]) -> Acts:
    """Without a file of users nothing is changed by anybody; VoiceApiError where it cannot be read.

    other  the cluster of another context; does not connect yet
    """
    if settings.oidc_issuer and not settings.users_file:
        fix = "name a users_file, in which `voice-api user add oidc:NAME` says who may do what"
        raise SettingsError("oidc_issuer alone lets nobody in", fix)
    if not settings.users_file:
        several = len(cluster.contexts) > 1
        return Acts(Anybody(), Looking(lambda context: (other(context), None)) if several else None)
    book = BookFile(Path(settings.users_file))
    users = Known(book, issued=issued_sessions(settings))
    if cluster.description.demo:
        return Acts(users)
    audit = opened_audit(settings, around, derived(book(), "journal"))
    look_after(audit, threading.Event())
    return Acts(users, _parts(settings, cluster, other, audit, book()), audit)


def issued_sessions(settings: Settings, patience_seconds: float = PATIENCE_SECONDS) -> IssuedSessions | None:
    """Sessions of the identity provider, if there is one; its keys are fetched for the first time."""
    address = settings.oidc_issuer
    if not address:
        return None
    if not settings.oidc_audience:
        raise SettingsError("oidc_issuer needs oidc_audience", "name the client that its sessions are for")
    keys = PublishedKeys(lambda: published(address, patience_seconds))
    keys.prime(patience_seconds)
    claims = (settings.oidc_user_claim, settings.oidc_groups_claim)
    return IssuedSessions(Issuer(address, settings.oidc_audience, *claims), keys.find)


def derived(book: Book, purpose: str) -> bytes:
    """A key of its own for each purpose: what seals a question cannot seal a record."""
    return hmac.new(bytes.fromhex(book.seal), purpose.encode(), sha256).digest()


def _parts(
    settings: Settings, cluster: Cluster, other: Callable[[str], Cluster], audit: Audit, book: Book
) -> Acting:
    # The official client is heavy, and only there for a cluster that is no demo.
    from voice_api.cluster.access import Access  # noqa: PLC0415
    from voice_api.cluster.kubernetes import KubernetesCluster  # noqa: PLC0415
    from voice_api.commands.executing.executor import ClusterExecutor  # noqa: PLC0415
    from voice_api.commands.executing.outcome import Follow  # noqa: PLC0415

    follow = Follow(settings.follow_seconds)

    def acting_in(cluster: Cluster, environment: Environment | None) -> ClusterExecutor:
        if not isinstance(cluster, KubernetesCluster):
            raise SettingsError("users_file needs a cluster", "name a kubeconfig, or leave users_file out")
        return ClusterExecutor(Access(cluster.connection), audit, environment, follow)

    def opened(context: str) -> Opened:
        # What the setting says is of the first cluster: of others only labels tell that they are harmless.
        found = other(context)
        return found, acting_in(found, None)

    environment = next((each for each in EVERY_ENVIRONMENT if each == settings.cluster_environment), None)
    return Acting(
        acting_in(cluster, environment),
        derived(book, "questions"),
        questions_store(settings),
        audit,
        opens=opened if len(cluster.contexts) > 1 else None,
    )


def questions_store(settings: Settings) -> PendingStore:
    """Where all replicas find them, if there is such a place; else they end with this process."""
    if not settings.ledger_address_file:
        return PendingsInMemory()
    # A database's client takes long to import, and one machine needs none.
    from voice_api.commands.confirmation.sql_store import SqlPendings  # noqa: PLC0415
    from voice_api.usage.store import shared_engine  # noqa: PLC0415

    return SqlPendings(shared_engine(Path(settings.ledger_address_file)))
