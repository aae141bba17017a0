"""Keeps the releases of a namespace, each in a ConfigMap that nobody can change, and reads them."""

import getpass
import socket

from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import LABEL, Made, Release, as_object, expired, from_object, release_of
from kvx.cluster.trouble import Object
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError

COLLECTION = "/api/v1/namespaces/{}/configmaps"
ATTEMPTS = 5
TAKEN = 409
_OF_A_SECRET = ("apiVersion", "kind", "type", "immutable", "data")
_SET = "applyset.kubernetes.io/"


def history(api: Api, namespace: str) -> tuple[Release, ...]:
    """The releases that are kept, oldest first; KvxError with exit code 4 for one that cannot be read."""
    found = (from_object(each) for each in api.list(COLLECTION.format(namespace), labelSelector=LABEL))
    return tuple(sorted(found, key=lambda release: release.revision))


def latest(api: Api, namespace: str) -> Release | None:
    return next(iter(reversed(history(api, namespace))), None)


def record(
    api: Api,
    namespace: str,
    objects: tuple[Object, ...],
    made: Made,
    kept: int,
    *,
    left_out: tuple[str, ...] = (),
) -> Release:
    """Keep what was rolled out and serves under the next number, and forget what is beyond the newest `kept`.

    The number is taken by whoever writes it first: another kvx meanwhile gets the next one.
    """
    before = history(api, namespace)
    number = before[-1].revision + 1 if before else 1
    tries = [release_of(number + n, objects, made, left_out) for n in range(ATTEMPTS)]
    release = _created(api, namespace, tries)
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


def objects_of(api: Api, release: Release) -> tuple[Object, ...]:
    """What was applied, with its Secrets as they are in the cluster: a release keeps only their names.

    KvxError with exit code 3 where one of them is there no more.
    """
    return (*(_secret(api, release, path) for path in release.secrets), *release.objects)


def _secret(api: Api, release: Release, path: str) -> Object:
    """A Secret as somebody would write it down."""
    namespace, _, name = path.partition("/")
    about = {"namespace": namespace, "name": name}
    found = api.find({"apiVersion": "v1", "kind": "Secret", "metadata": about})
    if found is None:
        message = f"release {release.revision} needs the Secret {path}, which is not in the cluster any more"
        fix = "kvx releases; kvx rollback REVISION takes another one, kvx deploy makes Secrets anew"
        raise KvxError(message, fix, ExitCode.MISSING)
    labels = {k: v for k, v in (found["metadata"].get("labels") or {}).items() if not k.startswith(_SET)}
    kept: dict[str, object] = {
        key: found[key] for key in ("apiVersion", "kind", "type", "immutable", "data") if key in found
    }
    return {**kept, "metadata": {**about, "labels": labels}}


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


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a user id without a name, as in containers
        return "somebody"
