"""Room for the state: free space before a write, and a ballast that is given back when the disk fills up."""

import os
from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.world import World

NEEDED_BYTES = 64 * 1024 * 1024
BALLAST_BYTES = 4 * 1024 * 1024
NEARLY_FULL_BYTES = 1024 * 1024


def prepare(folder: Path) -> None:
    """See that there is room and a ballast; KvxError (exit code 3) otherwise."""
    free = free_bytes(folder)
    ballast = _ballast(folder)
    if free < NEEDED_BYTES:
        wanted, there = NEEDED_BYTES >> 20, free >> 20
        message = f"{folder} has {there} MB left, and a state that cannot be written would be lost"
        raise KvxError(message, f"free {wanted - there} MB (see df -h {folder})", ExitCode.MISSING)
    if not ballast.exists() or ballast.stat().st_size != BALLAST_BYTES:
        ballast.write_bytes(bytes(BALLAST_BYTES))  # written, for an empty hole would hold no room
        ballast.chmod(0o600)


def is_full(folder: Path) -> KvxError:
    """What is told when Terraform was ended because the disk filled up."""
    message = f"the disk of {folder} became full while Terraform worked; the state is whole"
    return KvxError(message, f"free some space (see df -h {folder}), then run the same command again")


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def is_filling_up(folder: Path, world: World) -> bool:
    """Whether the disk is nearly full; then the ballast is given back, so that the state can be written."""
    ballast = _ballast(folder)
    if ballast.exists() and free_bytes(folder) >= NEARLY_FULL_BYTES:
        return False
    if ballast.exists():
        ballast.unlink(missing_ok=True)
        world.progress(
            "the disk is nearly full: terraform gets the 4 MB held back for its state, and is ended"
        )
    return True


def _ballast(folder: Path) -> Path:
    return folder / "ballast"
