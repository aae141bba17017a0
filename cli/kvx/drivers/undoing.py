"""Goes back once, by itself, where a new version does not serve and the one before did."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from kvx.cluster.trouble import Object
from kvx.drivers import releases
from kvx.drivers.api_server import Api
from kvx.drivers.rollout import Before, await_serving
from kvx.errors import ExitCode, KvxError
from kvx.world import World

Put = Callable[[Sequence[Object]], object]


def undo_once(
    api: Api, before: Before, put: Put, reason: KvxError, *, deadline_seconds: float, world: World
) -> NoReturn:
    """Raise the reason with what was done about it: always exit code 1, unless a person stopped it.

    `put` applies objects as a deploy does. Nothing is undone where nothing served before, where no release
    was kept, and where the run was stopped: the same command goes on from there.
    """
    if reason.exit_code is ExitCode.INTERRUPTED:
        raise reason
    if before.release is None or not before.served:
        raise _left_as_it_is(before, reason)
    number = before.release.revision
    world.progress(f"{reason.message}; going back to release {number}, which served")
    try:
        objects = releases.objects_of(api, before.release)
        put(objects)
        await_serving(api, objects, deadline_seconds, world)
    except KvxError as error:
        message = f"{reason.message}; and going back to release {number} failed: {error.message}"
        raise KvxError(message, f"{error.fix}; then kvx rollback {number}", _code(error)) from None
    message = f"{reason.message}; release {number} serves again"
    raise KvxError(message, reason.fix)


def _left_as_it_is(before: Before, reason: KvxError) -> KvxError:
    if before.served:
        message = (
            f"{reason.message}; what served before still does, but no release of it was kept to go back to"
        )
        return KvxError(message, reason.fix)
    message = f"{reason.message}; nothing served before, so what was applied was left to be looked at"
    return KvxError(message, f"{reason.fix}; kvx cleanup takes away what is left")


def _code(error: KvxError) -> ExitCode:
    interrupted = error.exit_code is ExitCode.INTERRUPTED
    return ExitCode.INTERRUPTED if interrupted else ExitCode.FAILED
