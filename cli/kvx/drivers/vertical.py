"""Asks a cluster whether it carries out what a VerticalPodAutoscaler decides, before one is applied."""

from collections.abc import Sequence

from kvx.cluster.charts import brought
from kvx.cluster.refusals import ApiError
from kvx.cluster.trouble import Object
from kvx.cluster.vertical import KIND, acting, missing_part
from kvx.drivers.api_server import READ_SECONDS, Api
from kvx.drivers.charts import fitting
from kvx.world import World

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
DEPLOYMENTS = "/apis/apps/v1/deployments"


def check(api: Api, objects: Sequence[Object], world: World) -> None:
    """KvxError with exit code 3 where nobody would; who may not look is told so, and not held up.

    A chart among the objects, on a cluster that installs charts, brings whoever would.
    """
    wanted = acting(objects)
    if not wanted or KIND in brought(fitting(api, objects).objects):
        return
    there = parts(api, READ_SECONDS)
    if there is None:
        world.progress("whether the cluster changes requests by itself this user may not see")
        return
    for each in wanted:
        if reason := missing_part(each, *there):
            raise reason


def parts(api: Api, deadline_seconds: float) -> tuple[Sequence[Object], Sequence[Object]] | None:
    """Webhooks and Deployments of the whole cluster; None for who may not see them."""
    try:
        webhooks = api.list(WEBHOOKS, deadline_seconds=deadline_seconds)
        return webhooks, api.list(DEPLOYMENTS, deadline_seconds=deadline_seconds)
    except ApiError as error:
        if error.status not in {401, 403}:
            raise
        return None
