"""Any object of an API server that can be spoken of, redacted before anybody sees it."""

from urllib.parse import urlencode

from voice_api.cluster.connection import Connection
from voice_api.cluster.kinds import KINDS, MEASURES, READ_ALONE
from voice_api.cluster.redact import masked, redacted
from voice_api.cluster.requests import Item
from voice_api.errors import VoiceApiError

MOST_LOG_BYTES = 256_000


class KubernetesExplorer:
    """Reads through one connection, as its user."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def objects(self, kind: str, namespace: str | None, selector: str = "") -> tuple[Item, ...]:
        path, what = KINDS[kind].path(namespace), KINDS[kind].plural
        where = f"{what} in {namespace}" if namespace else what
        chosen = f"{path}?{urlencode({'labelSelector': selector})}" if selector else path
        return self._connection.items(chosen, where, redacted)

    def one(self, kind: str, namespace: str | None, name: str) -> Item:
        where = f" in {namespace}" if namespace else ""
        path = (KINDS.get(kind) or READ_ALONE[kind]).path(namespace, name)
        return redacted(self._connection.object(path, f"{kind} {name}{where}"))

    def log(self, namespace: str, pod: str, container: str | None, lines: int) -> tuple[str, ...]:
        query = {"tailLines": str(lines), "limitBytes": str(MOST_LOG_BYTES)}
        chosen = query | ({"container": container} if container else {})
        path = f"{KINDS['pod'].path(namespace, pod)}/log"
        text = self._connection.text(path, chosen, f"log of {pod} in {namespace}")
        return tuple(masked(text).splitlines()[-lines:])

    def measures(self, kind: str, namespace: str | None) -> tuple[Item, ...]:
        try:
            path = MEASURES[kind].path(namespace)
            return tuple(map(redacted, self._connection.object(path, f"measures of {kind}").get("items", ())))
        except VoiceApiError as error:
            # An API that nobody serves is 404, one whose server is down 503.
            if error.code not in {"not_found", "cluster_failed"}:
                raise
            raise VoiceApiError(
                "no_measures",
                "Nobody measures what is used in this cluster.",
                "Install metrics-server; k3s has one.",
                502,
            ) from error
