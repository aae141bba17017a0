"""Starts a host, stops it, or pulls its plug."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from systemd_hosts import containers_disk, control_groups
from systemd_hosts.fleet import Fleet, Host, Place
from systemd_hosts.template import HostsError

LOGIN_SECONDS = 180.0
STOP_SECONDS = 25.0
KILL_SECONDS = 60.0
CONNECT_SECONDS = 30
PAUSE_SECONDS = 0.1
# So ends systemd-nspawn without a systemd around it, when the host wants to boot again.
REBOOT = 133


def start(host: Place) -> None:
    """Begins to start it, in a process of its own that outlives this one."""
    if is_on(host):
        return
    control_groups.make(host)
    keeper = [sys.executable, "-m", "systemd_hosts.power", str(host.root), str(host.fleet), str(host.number)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with (host.folder / "console.log").open("ab") as log:
        process = subprocess.Popen(
            keeper, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
        )
    (host.folder / "keeper.pid").write_text(str(process.pid))


def stop(host: Place) -> None:
    """In order, as a person shuts down; after a while by force."""
    _tell(host, signal.SIGRTMIN + 4)  # systemd powers off
    if not _within(STOP_SECONDS, lambda: not is_on(host)):
        kill(host)


def kill(host: Place) -> None:
    """Like a cut cable: the first process goes, and with it every other, without a chance to write."""
    _tell(host, signal.SIGKILL)
    if not _within(KILL_SECONDS, lambda: not is_on(host)):
        raise HostsError(f"{host.name} does not end; process {_keeper(host)} keeps it")


def _tell(host: Place, number: int) -> None:
    """That signal to its first process, where there still is one."""
    leader = first_process(host)
    if leader is not None:
        with suppress(ProcessLookupError):
            os.kill(leader, number)


def is_on(host: Place) -> bool:
    return _keeper(host) is not None


def first_process(host: Place) -> int | None:
    """The host's systemd, by the machine's process id."""
    keeper = _keeper(host)
    spawners = _children(keeper) if keeper is not None else []
    leaders = _children(spawners[0]) if spawners else []
    return leaders[0] if leaders else None


def await_login(fleet: Fleet, host: Host, seconds: float = LOGIN_SECONDS) -> None:
    if _within(seconds, lambda: answers(fleet, host)):
        return
    log = (host.folder / "console.log").read_text(errors="replace")
    raise HostsError(f"{host.name} does not answer by SSH after {seconds:.0f} s: {log[-2000:]}")


def answers(fleet: Fleet, host: Host) -> bool:
    """Whether it lets us in now; on a busy machine even that may take its time."""
    command = [*ssh_command(fleet, host, connect_seconds=2), "true"]
    try:
        return _ended(command, seconds=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def ssh(fleet: Fleet, host: Host, *command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """One command on the host; TimeoutExpired after `seconds`, exit code 255 where it cannot be reached."""
    return _ended([*ssh_command(fleet, host), *command], seconds)


def _ended(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
    )


def ssh_command(fleet: Fleet, host: Host, connect_seconds: int = CONNECT_SECONDS) -> list[str]:
    return [
        *("ssh", "-i", str(fleet.key), "-o", f"UserKnownHostsFile={fleet.known_hosts}"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"),
        *("-o", f"ConnectTimeout={connect_seconds}"),
        f"root@{host.public_ip}",
    ]


def _keeper(host: Place) -> int | None:
    try:
        process = Path("/proc", (host.folder / "keeper.pid").read_text())
        command = (process / "cmdline").read_bytes()
    except OSError:
        return None
    # A finished process of this very program waits for its parent as a zombie, without a command.
    return int(process.name) if str(host.root).encode() in command else None


def _children(process_id: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
        ]
    except OSError:
        return []


def _within(seconds: float, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def _keep(host: Place, root: str) -> int:
    """Runs the host until it is off; boots again what only rebooted."""
    control_groups.join(os.getpid(), host)
    switches = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes", "SYSTEMD_SECCOMP": "0", "SYSTEMD_NSPAWN_LOCK": "0"}
    command = [
        *("systemd-nspawn", "--quiet", f"--directory={root}", f"--machine={host.namespace}"),
        *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
        *("--console=pipe", "--capability=all", f"--network-namespace-path=/run/netns/{host.namespace}"),
        *("--bind=/dev/kmsg", f"--hostname={(Path(root) / 'etc/hostname').read_text().strip()}"),
        *containers_disk.bound(Path(root).parent),
        "/sbin/first-program",
    ]
    while True:
        code = subprocess.run(command, env={**os.environ, **switches}, check=False).returncode
        if code != REBOOT:
            return code


if __name__ == "__main__":
    sys.exit(_keep(Host(int(sys.argv[2]), int(sys.argv[3]), "", "", ""), sys.argv[1]))
