"""The last report of `kvx cost report --cron` in a ConfigMap, for who has kubectl and not this machine."""

from collections.abc import Mapping

from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError

MOST_BYTES = 900_000
"""A ConfigMap holds 1 MiB at most."""


def write(api: Api, place: str, data: Mapping[str, str]) -> None:
    """Merge into the ConfigMap NAMESPACE/NAME; raises a KvxError where it cannot be written.

    It must be there: who may make one could make any.
    """
    namespace, _, name = place.partition("/")
    if not namespace or not name:
        message = f"cost.config_map is {place!r}"
        raise KvxError(message, "write it as NAMESPACE/NAME, kvx/cost-report", ExitCode.USAGE)
    size = sum(len(each.encode()) for each in data.values())
    if size > MOST_BYTES:
        message = f"the report has {size} bytes, more than a ConfigMap holds"
        raise KvxError(message, "kvx cost report --json", ExitCode.INCOMPLETE)
    try:
        api.patch(f"/api/v1/namespaces/{namespace}/configmaps/{name}", {"data": dict(data)})
    except ApiError as error:
        if error.status != 404:
            raise
        message = f"there is no ConfigMap {place} for the last report"
        fix = f"kubectl --namespace {namespace} create configmap {name}"
        raise KvxError(message, fix, ExitCode.MISSING) from None
