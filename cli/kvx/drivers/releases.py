"""Keeps the releases of a namespace, each in a ConfigMap that nobody can change, and reads them."""

import getpass
import socket

from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import LABEL, Made, Release, as_object, expired, from_object, release_of
from kvx.cluster.trouble import Object
from kvx.drivers.api_server import Api

COLLECTION = "/api/v1/namespaces/{}/configmaps"
ATTEMPTS = 5
TAKEN = 409


def history(api: Api, namespace: str) -> tuple[Release, ...]:
    """The releases that are kept, oldest first; KvxError with exit code 4 for one that cannot be read."""
    found = (from_object(each) for each in api.list(COLLECTION.format(namespace), labelSelector=LABEL))
    return tuple(sorted(found, key=lambda release: release.revision))


def latest(api: Api, namespace: str) -> Release | None:
    return next(iter(reversed(history(api, namespace))), None)


def record(api: Api, namespace: str, objects: tuple[Object, ...], made: Made, kept: int) -> Release:
    """Keep what was rolled out and serves under the next number, and forget what is beyond the newest `kept`.

    The number is taken by whoever writes it first: another kvx meanwhile gets the next one.
    """
    before = history(api, namespace)
    number = before[-1].revision + 1 if before else 1
    release = _created(api, namespace, [release_of(number + n, objects, made) for n in range(ATTEMPTS)])
    for old in expired((*before, release), kept):
        api.delete(f"{COLLECTION.format(namespace)}/{old.name}")
    return release


def who(api: Api) -> str:
    """The user as the cluster knows them, or else this machine, and the machine's name."""
    host = socket.gethostname()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        return f"{answer['status']['userInfo']['username']} ({host})"
    except (ApiError, KeyError):
        return f"{_user()} ({host})"


def missing_secrets(api: Api, release: Release) -> tuple[str, ...]:
    """Those of its Secrets, as NAMESPACE/NAME, that are not in the cluster any more."""
    return tuple(path for path in release.secrets if not _is_there(api, path))


def _created(api: Api, namespace: str, numbered: list[Release]) -> Release:
    for release in numbered[:-1]:
        try:
            api.create(COLLECTION.format(namespace), as_object(release, namespace))
        except ApiError as error:
            if error.status != TAKEN:
                raise
        else:
            return release
    api.create(COLLECTION.format(namespace), as_object(numbered[-1], namespace))
    return numbered[-1]


def _is_there(api: Api, path: str) -> bool:
    namespace, _, name = path.partition("/")
    about = {"namespace": namespace, "name": name}
    return api.find({"apiVersion": "v1", "kind": "Secret", "metadata": about}) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a user id without a name, as in containers
        return "somebody"
