"""The steps of the local target and their drivers."""

from kvx.drivers import files, model, process, speaking
from kvx.steps.service import (
    CheckModel,
    RemoveFolder,
    ServiceStep,
    SpeakAndCompare,
    StartService,
    StopService,
    WriteFile,
)
from kvx.world import Outcome, World


def is_done(step: ServiceStep, _world: World) -> bool:
    """Whether the world is already as the step would leave it; a step that only looks never is."""
    match step:
        case WriteFile():
            return files.is_written(step)
        case RemoveFolder():
            return files.is_removed(step)
        case CheckModel():
            return model.is_checked(step)
        case StartService():
            return process.is_running(step)
        case StopService():
            return process.is_stopped(step)
        case SpeakAndCompare():
            return False


def perform(step: ServiceStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    match step:
        case WriteFile():
            return files.write(step)
        case RemoveFolder():
            return files.remove(step)
        case CheckModel():
            return model.check(step, world)
        case StartService():
            return process.start(step, world)
        case StopService():
            return process.stop(step, world)
        case SpeakAndCompare():
            return speaking.speak_and_compare(step, world)
