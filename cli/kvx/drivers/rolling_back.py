"""Rolls out an earlier release once more, as a release of its own that says what it is."""

from dataclasses import dataclass

from kvx.cluster.difference import Change
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.releases import Made, Release, one_to_go_back_to
from kvx.cluster.trouble import Object
from kvx.drivers import releases
from kvx.drivers.api_server import Api
from kvx.drivers.applying import How, Serving, difference, roll_out, settled
from kvx.drivers.clusters import api_of
from kvx.drivers.manifest_applying import ROLLOUT, kvx_version
from kvx.errors import ExitCode, KvxError
from kvx.steps.releases import RollBack
from kvx.world import Outcome, World


@dataclass(frozen=True, slots=True)
class Way:
    """From the release that is there now back to another, and what that would change."""

    now: Release
    back: Release
    changes: tuple[Change, ...]


def way_back(api: Api, revision: int | None) -> Way:
    """Looked at, not gone: nothing is written."""
    history = releases.history(api, NAMESPACE)
    back = one_to_go_back_to(history, revision)
    return Way(history[-1], back, difference(api, releases.objects_of(api, back)))


def is_done(step: RollBack, world: World, serving: Serving = ROLLOUT) -> bool:
    """Whether what is there is what was released then; a cluster that does not answer is not."""
    try:
        api = api_of(step.where, step.folder, world)
        return settled(api, _objects(api, step)[1], serving)
    except KvxError as error:  # it is told when the step is performed
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return False


def perform(step: RollBack, world: World, serving: Serving = ROLLOUT) -> Outcome:
    """As a deploy does it: dry run, diff, apply, wait, prune, record, and undone once where it fails."""
    api = api_of(step.where, step.folder, world)
    back, objects = _objects(api, step)
    made = Made(back.made.git_revision, releases.who(api), world.now(), kvx_version(), back.revision)
    how = How(step.revisions_kept, step.lease_wait_seconds, step.serving_seconds, serving)
    return roll_out(api, objects, made, how, world)


def _objects(api: Api, step: RollBack) -> tuple[Release, tuple[Object, ...]]:
    """What was agreed to, or nothing: another one under the same number is refused."""
    back = one_to_go_back_to(releases.history(api, NAMESPACE), step.revision)
    if back.configuration != step.configuration:
        message = f"release {step.revision} is not the one that was shown: somebody replaced it meanwhile"
        raise KvxError(message, f"kvx rollback {step.revision}")
    return back, releases.objects_of(api, back)
