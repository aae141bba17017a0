"""Performs the step that applies the manifests of a deployment."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from kvx.cluster.order import Object
from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import Made
from kvx.drivers import releases, rollout, undoing, vertical
from kvx.drivers.api_server import Api
from kvx.drivers.applying import How, Serving, roll_out, settled
from kvx.drivers.clusters import api_of
from kvx.drivers.rendering import proven_image, rendered_objects
from kvx.drivers.rollout import Before
from kvx.errors import ExitCode, KvxError
from kvx.steps.manifests import ApplyManifests
from kvx.world import Outcome, World


class Rollout:
    """What serves, by its pods and a spoken sentence; what does not is undone once."""

    def before(self, api: Api, objects: Sequence[Object]) -> Before:
        return rollout.before(api, objects)

    def serves(self, api: Api, objects: Sequence[Object]) -> bool:
        return rollout.serves(api, objects)

    def await_serving(
        self, api: Api, objects: Sequence[Object], deadline_seconds: float, world: World
    ) -> Mapping[str, object]:
        return rollout.await_serving(api, objects, deadline_seconds, world)

    def undo_once(
        self,
        api: Api,
        before: Before,
        put: Callable[[Sequence[Object]], object],
        reason: KvxError,
        *,
        deadline_seconds: float,
        world: World,
    ) -> NoReturn:
        undoing.undo_once(api, before, put, reason, deadline_seconds=deadline_seconds, world=world)


ROLLOUT = Rollout()


def is_done(step: ApplyManifests, world: World, serving: Serving = ROLLOUT) -> bool:
    """Whether the cluster is as it was rendered, and serves; one that does not answer is not."""
    try:
        return settled(api_of(step.where, step.folder, world), rendered_objects(step.folder), serving)
    except KvxError as error:  # it is told when the step is performed
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return False


def perform(step: ApplyManifests, world: World, serving: Serving = ROLLOUT) -> Outcome:
    """Roll out what was rendered; `serving` says what serves."""
    api, objects = api_of(step.where, step.folder, world), rendered_objects(step.folder)
    vertical.check(api, objects, world)
    how = How(step.revisions_kept, step.lease_wait_seconds, step.serving_seconds, serving)
    with fields_of_others(step):
        return roll_out(api, objects, _made(step, api, world), how, world)


@contextmanager
def fields_of_others(step: ApplyManifests) -> Iterator[None]:
    """Tells beside a field that somebody else has set the command that takes it from them."""
    try:
        yield
    except ApiError as error:
        if not error.held_by_others:
            raise
        fix = f"{error.fix}; or give them to kvx: {shlex.join(step.taking)}, then run it again"
        raise KvxError(error.message, fix, error.exit_code) from None


def _made(step: ApplyManifests, api: Api, world: World) -> Made:
    image = proven_image(step.folder / "images.json")
    revision = "" if image is None else image.revision
    return Made(revision, releases.who(api), world.now(), kvx_version())


def kvx_version() -> str:
    try:
        return version("kvx")
    except PackageNotFoundError:
        return "unknown"
