"""What making machines needs: Terraform, a key, a bucket that locks, and what Hetzner says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kvx.commands.check import Check
from kvx.errors import KvxError
from kvx.steps.machines import Backend, PlaceMachines, WriteWorkspace

INSTALL = "https://developer.hashicorp.com/terraform/install"
VERSION_SECONDS = 20.0


def of_placing(step: PlaceMachines) -> Iterator[Check]:
    """Token, types, image, names, budget of requests, price: as the pre-flight finds them."""
    from kvx.drivers import account_record
    from kvx.drivers.hetzner_placing import look
    from kvx.world import real_world

    try:
        account_record.check(step.folder, step.account)
    except KvxError as error:
        yield Check("account", "missing", error.message, error.fix)
        return
    found = look(step.account, step.fleet, step.limits, real_world(), folder=step.folder)
    for check in found.checks:
        yield Check(check.name, check.state, check.words, check.fix)


def of_workspace(step: WriteWorkspace) -> Iterator[Check]:
    """Terraform and its version, the key for SSH, the bucket of the state."""
    yield _terraform(step.source)
    if step.fleet.ssh_public_key is not None:
        yield _ssh_key(step.fleet.ssh_public_key)
    if step.backend.bucket is not None:
        yield _bucket(step.backend)


def _terraform(source: Path) -> Check:
    from kvx.drivers import machine
    from kvx.drivers.programs import run_program
    from kvx.world import real_world

    path, least = machine.program("terraform"), _least_version(source)
    fix = f"install terraform {least} or newer: {INSTALL}"
    if path is None:
        return Check("terraform", "missing", "terraform is not on PATH", fix)
    try:
        ended = run_program((path, "version", "-json"), VERSION_SECONDS, real_world())
        version = str(json.loads(ended.output)["terraform_version"])
    except KvxError as error:
        return Check("terraform", "missing", error.message, fix)
    except (ValueError, KeyError, TypeError):
        return Check("terraform", "missing", f"{path} does not say its version", fix)
    if _numbers(version) < _numbers(least):
        return Check("terraform", "missing", f"{path} is {version}, and {least} is needed", fix)
    return Check("terraform", "ok", f"{version} at {path}")


def _least_version(source: Path) -> str:
    """As terraform/terraform.tf says it."""
    found = re.search(r'required_version\s*=\s*">=\s*([0-9.]+)', (source / "terraform.tf").read_text())
    return found[1] if found else "1.10"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0]))


def _ssh_key(path: Path) -> Check:
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        fix = f"ssh-keygen -t ed25519 -f {path.with_suffix('')}; or leave hetzner.ssh_public_key out"
        return Check("ssh key", "missing", f"{path} cannot be read", fix)
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
        return Check(
            "ssh key", "missing", f"{path} is no public key", f"ssh-keygen -y -f {path.with_suffix('')}"
        )
    return Check("ssh key", "ok", f"{words[0]} in {path}")


def _bucket(backend: Backend) -> Check:
    from kvx.drivers.object_storage import prove_conditional_write

    try:
        return Check("bucket", "ok", prove_conditional_write(backend))
    except KvxError as error:
        return Check("bucket", "missing", error.message, error.fix)
