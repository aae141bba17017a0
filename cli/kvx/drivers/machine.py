"""Looks at this machine: programs, folders, space, ports and the processor; changes nothing."""

import os
import shutil
import socket
from pathlib import Path


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the first one above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def program(name: str) -> str | None:
    """The path of a program, None where it is not there or may not be run."""
    return shutil.which(name)


def port_is_free(host: str, port: int) -> bool:
    """Whether a program could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True


def core_count() -> int:
    return os.cpu_count() or 1


def processor_features() -> frozenset[str]:
    """What the processor can do, in Linux's words; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    pairs = (line.partition(":") for line in lines)
    values = [value for name, _, value in pairs if name.strip() in {"flags", "Features"}]
    return frozenset(values[0].split()) if values else frozenset()
