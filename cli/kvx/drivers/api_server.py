"""The door to the API server of a cluster: plain JSON in and out, refusals in words, never without deadline.

Set-up and TLS are the official client's; its typed API classes, which take 126 MB, are not imported.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject

from kvx.cluster.refusals import EXPIRED, ApiError
from kvx.drivers.api_requests import Request, Way, send
from kvx.drivers.kubeconfigs import configured
from kvx.errors import ExitCode
from kvx.world import World

MANAGER = "kvx"
PORT = 6443
ATTEMPTS = 4
READ_SECONDS = 10.0
WRITE_SECONDS = 30.0
PAGE = 500

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """How the API server calls a kind in its paths."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None) -> str:
        inside = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{self.prefix}{inside}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Api:
    """The API server of one cluster. Every call raises an ApiError for whatever is not a good answer.

    Reads, server-side apply and delete are sent again, a bounded number of times, after 429, 5xx and a
    connection that was cut; a create is not, where it may have arrived.
    """

    way: Way
    known: dict[str, dict[str, Resource]] = field(default_factory=dict)
    """What was asked about kinds, by apiVersion."""

    @property
    def address(self) -> str:
        """The server that the kubeconfig names."""
        return self.way.hosts[0]

    @property
    def configuration(self) -> Configuration:
        """The official client's, for what needs more than a request, such as a port forwarded."""
        return self.way.configuration

    def get(self, path: str, *, deadline_seconds: float = READ_SECONDS, **query: object) -> dict[str, Any]:
        """One object, or whatever JSON lies at the path."""
        return _asked(self.way, Request("GET", path, path, query, deadline_seconds))

    def text(self, path: str, *, deadline_seconds: float = READ_SECONDS, **query: object) -> str:
        """What is no JSON: a container's log, /readyz, /metrics."""
        request = Request("GET", path, path, query, deadline_seconds, accept="*/*")
        return send(self.way, request).body.decode(errors="replace")

    def answer(self, path: str, *, deadline_seconds: float = READ_SECONDS) -> tuple[str, bytes]:
        """The address of the server that answered, and what it said."""
        sent = send(self.way, Request("GET", path, path, {}, deadline_seconds))
        return sent.host, sent.body

    def list(
        self, path: str, *, deadline_seconds: float = READ_SECONDS, **query: object
    ) -> tuple[dict[str, Any], ...]:
        """All items at the path, page by page; kind and apiVersion, which a list leaves out, put back."""
        end = self.way.world.monotonic() + deadline_seconds
        for _ in range(2):  # pages of a list expire while one reads: once more from the beginning
            try:
                return self._pages(path, query, end)
            except ApiError as error:
                if error.status != EXPIRED:
                    raise
        return self._pages(path, query, end)

    def _pages(self, path: str, query: Mapping[str, object], end: float) -> tuple[dict[str, Any], ...]:
        items: list[dict[str, Any]] = []
        more: object = None
        while True:
            left = max(end - self.way.world.monotonic(), 0.05)
            page = self.get(path, deadline_seconds=left, **{"limit": PAGE, **query, "continue": more})
            kind = {
                "apiVersion": page.get("apiVersion"),
                "kind": str(page.get("kind", "")).removesuffix("List"),
            }
            items += ({**kind, **item} for item in page.get("items") or ())
            more = page.get("metadata", {}).get("continue")
            if not more:
                return tuple(items)

    def find(self, item: Object, *, deadline_seconds: float = READ_SECONDS) -> dict[str, Any] | None:
        """The object of the same kind, namespace and name as it is now; None where there is none."""
        path = self.path_of(item)
        try:
            return self.get(path, deadline_seconds=deadline_seconds)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(
        self,
        item: Object,
        *,
        manager: str = MANAGER,
        dry_run: bool = False,
        deadline_seconds: float = WRITE_SECONDS,
    ) -> dict[str, Any]:
        """Server-side apply, never forced; with dry_run what it would become."""
        query = {
            "fieldManager": manager,
            "fieldValidation": "Strict",
            "force": False,
            **_dry(dry_run=dry_run),
        }
        kind = "application/apply-patch+yaml"
        what, path = words(item), self.path_of(item)
        return _asked(self.way, Request("PATCH", path, what, query, deadline_seconds, item, kind))

    def create(
        self, path: str, item: Object, *, dry_run: bool = False, deadline_seconds: float = WRITE_SECONDS
    ) -> dict[str, Any]:
        """A new object in the collection at the path; also for reviews, which are only answered."""
        query = {"fieldManager": MANAGER, **_dry(dry_run=dry_run)}
        request = Request("POST", path, words(item), query, deadline_seconds, item, again=False)
        return _asked(self.way, request)

    def replace(self, path: str, item: Object, *, deadline_seconds: float = WRITE_SECONDS) -> dict[str, Any]:
        """The object as given; its resourceVersion makes sure that nobody has changed it meanwhile."""
        query = {"fieldManager": MANAGER}
        request = Request("PUT", path, words(item), query, deadline_seconds, item, again=False)
        return _asked(self.way, request)

    def patch(self, path: str, change: Object, *, deadline_seconds: float = WRITE_SECONDS) -> dict[str, Any]:
        """A merge patch: null takes a field away."""
        query, kind = {"fieldManager": MANAGER}, "application/merge-patch+json"
        return _asked(self.way, Request("PATCH", path, path, query, deadline_seconds, change, kind))

    def delete(
        self,
        path: str,
        *,
        uid: str | None = None,
        propagation: str = "Background",
        deadline_seconds: float = WRITE_SECONDS,
    ) -> bool:
        """Whether it was there; with a uid nothing else of that name is deleted."""
        options: dict[str, object] = {"propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            send(self.way, Request("DELETE", path, path, {}, deadline_seconds, options))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def path_of(self, item: Object) -> str:
        """Where an object lies."""
        metadata = item.get("metadata", {})
        resource = self.resource(str(item.get("apiVersion")), str(item.get("kind")))
        return resource.path(metadata.get("namespace"), metadata.get("name"))

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the server calls a kind; asked once, and again where the kind was not known then."""
        if kind not in self.known.get(api_version, {}):
            self.known[api_version] = self._resources(api_version)
        if kind not in self.known[api_version]:
            message = f"the cluster knows no {kind} of {api_version}"
            fix = "install what defines it, or leave out the component that needs it; docs/cluster.md"
            raise ApiError(message, fix, ExitCode.MISSING, 404)
        return self.known[api_version][kind]

    def _resources(self, api_version: str) -> dict[str, Resource]:
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            rows = self.get(prefix).get("resources", ())
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        named = (row for row in rows if "/" not in row["name"])
        return {row["kind"]: Resource(prefix, row["name"], row["namespaced"]) for row in named}


def connect(
    kubeconfig: Path | None,
    context: str | None,
    world: World,
    servers: Sequence[str] = (),
    *,
    attempts: int = ATTEMPTS,
    look: str | None = None,
) -> Api:
    """The way to the cluster of a kubeconfig; nothing is sent yet.

    `servers` are addresses that are asked where the kubeconfig's does not answer; `look` is what a person
    types to see why none does. KvxError with exit code 3 without a kubeconfig, 2 for one that is wrong.
    """
    configuration = configured(kubeconfig, context)
    hosts = tuple(dict.fromkeys((configuration.host.rstrip("/"), *map(url_of, servers))))
    flags = f" --kubeconfig {kubeconfig}" if kubeconfig else ""
    flags += f" --context {context}" if context else ""
    pool = RESTClientObject(configuration).pool_manager
    fix = look or f"kubectl{flags} get --raw '/readyz?verbose'"
    return Api(Way(configuration, pool, hosts, world, attempts, fix, f"kvx/{_version()}"))


def url_of(address: str) -> str:
    """The URL of an API server by its address alone."""
    return f"https://[{address}]:{PORT}" if ":" in address else f"https://{address}:{PORT}"


def words(item: Object) -> str:
    """An object as a person names it."""
    metadata = item.get("metadata", {})
    name = metadata.get("name") or metadata.get("generateName") or ""
    return f"{item.get('kind', 'the object')} {name}".strip()


def _dry(*, dry_run: bool) -> dict[str, object]:
    return {"dryRun": "All"} if dry_run else {}


def _asked(way: Way, request: Request) -> dict[str, Any]:
    try:
        document = json.loads(send(way, request).body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = "the API server answered with something else than an object"
        raise ApiError(
            message, "look at the address in the kubeconfig: it may be another server's", ExitCode.INCOMPLETE
        )
    return document


def _version() -> str:
    try:
        return version("kvx")
    except PackageNotFoundError:
        return "unknown"
