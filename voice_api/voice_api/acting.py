"""Puts together who may change something: users, what they do in the cluster, and the journal of it."""

import hmac
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from voice_api.cluster.protocol import Cluster
from voice_api.commands.audit import Audit
from voice_api.commands.confirmation.store import PendingsInMemory, PendingStore
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.level import EVERY_ENVIRONMENT
from voice_api.http.engines import Anybody, Users
from voice_api.recording import look_after, opened_audit
from voice_api.settings import Settings, SettingsError, Surroundings
from voice_api.users.book import Book
from voice_api.users.file import BookFile
from voice_api.users.speaker import Known


@dataclass(frozen=True, slots=True)
class Acts:
    """Who speaks; and where there are users, what they may set in motion and where it is written down."""

    users: Users
    parts: Acting | None = None
    audit: Audit | None = None


def acts(settings: Settings, around: Surroundings, cluster: Cluster) -> Acts:
    """Without a file of users nothing is changed by anybody; VoiceApiError where it cannot be read."""
    if not settings.users_file:
        return Acts(Anybody())
    book = BookFile(Path(settings.users_file))
    users = Known(book)
    if cluster.description.demo:
        return Acts(users)
    audit = opened_audit(settings, around, derived(book(), "journal"))
    look_after(audit, threading.Event())
    return Acts(users, _parts(settings, cluster, audit, book()), audit)


def derived(book: Book, purpose: str) -> bytes:
    """A key of its own for each purpose: what seals a question cannot seal a record."""
    return hmac.new(bytes.fromhex(book.seal), purpose.encode(), sha256).digest()


def _parts(settings: Settings, cluster: Cluster, audit: Audit, book: Book) -> Acting:
    # The official client is heavy, and only there for a cluster that is no demo.
    from voice_api.cluster.access import Access  # noqa: PLC0415
    from voice_api.cluster.kubernetes import KubernetesCluster  # noqa: PLC0415
    from voice_api.commands.executing.executor import ClusterExecutor  # noqa: PLC0415
    from voice_api.commands.executing.outcome import Follow  # noqa: PLC0415

    if not isinstance(cluster, KubernetesCluster):
        raise SettingsError("users_file needs a cluster", "name a kubeconfig, or leave users_file out")
    environment = next((each for each in EVERY_ENVIRONMENT if each == settings.cluster_environment), None)
    follow = Follow(settings.follow_seconds)
    executor = ClusterExecutor(Access(cluster.connection), audit, environment, follow)
    return Acting(executor, derived(book, "questions"), questions_store(settings), audit)


def questions_store(settings: Settings) -> PendingStore:
    """Where all replicas find them, if there is such a place; else they end with this process."""
    if not settings.ledger_address_file:
        return PendingsInMemory()
    # A database's client takes long to import, and one machine needs none.
    from voice_api.commands.confirmation.sql_store import SqlPendings  # noqa: PLC0415
    from voice_api.usage.store import shared_engine  # noqa: PLC0415

    return SqlPendings(shared_engine(Path(settings.ledger_address_file)))
