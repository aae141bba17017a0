"""Keeps the machines behind the servers as they should be, by a program that speaks JSON.

    PROGRAM --owner FOLDER about    {"architectures": [...], "public_network": ..., "gateway": ...}
    PROGRAM --owner FOLDER put      makes the machine on standard input what is wanted of it
    PROGRAM --owner FOLDER delete   takes {"id": ...} away
    PROGRAM --owner FOLDER list     {"machines": [{"id": ...}, ...]}

It may be asked for the same again at any time, and for several machines at once. A failure ends with an
exit code and {"error": WORDS}. Until a machine is as it should be, the actions on its server go on.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kvx_rehearsal.store import Document

# systemd gets half a minute to shut down; the first machine of all may wait for its file system.
PROGRAM_SECONDS = 300.0


class KeeperError(Exception):
    """The program cannot be used; the words say why."""


class Keeper:
    """`wanted` tells what each machine should be, `failed` is told whose machine cannot be made, and why."""

    def __init__(self, program: Path, owner: Path) -> None:
        self._command = [str(program), "--owner", str(owner)]
        self._made: dict[int, Document | None] = {}
        self._refused: dict[int, Document | None] = {}
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def about(self) -> Mapping[str, Any]:
        """What the machines are; before anything is served."""
        said = self._said(subprocess.run([*self._command, "about"], check=False, **_PLAIN))
        if "missing" in said:
            raise KeeperError(f"no machines can be made here: {said['missing']}; fix: {said['fix']}")
        listed = self._said(subprocess.run([*self._command, "list"], check=False, **_PLAIN))
        self._made = {machine["id"]: None for machine in listed["machines"]}
        return said

    def held(self, wanted: Mapping[int, Document]) -> frozenset[int]:
        """The servers whose machines are not yet what they should be, or not yet gone."""
        behind = {number for number, machine in wanted.items() if self._lags(number, machine)}
        return frozenset(behind | (self._made.keys() - wanted.keys()))

    def look(self) -> None:
        """Something may have changed."""
        self._changed.set()

    async def keep(
        self, wanted: Callable[[], Mapping[int, Document]], failed: Callable[[int, str], None]
    ) -> None:
        """Until it is cancelled; one act at a time for each machine."""
        while True:
            self._changed.clear()
            machines = wanted()
            for number in self.held(machines) - self._busy.keys():
                act = (
                    self._put(number, machines[number], failed)
                    if number in machines
                    else self._delete(number)
                )
                self._busy[number] = asyncio.create_task(self._tracked(number, act))
            await self._changed.wait()

    async def settle(self) -> None:
        """What was begun ends; nothing new is begun."""
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _lags(self, number: int, machine: Document) -> bool:
        return self._made.get(number) != machine and self._refused.get(number) != machine

    async def _tracked(self, number: int, act: Any) -> None:
        try:
            await act
        finally:
            del self._busy[number]
            self._changed.set()

    async def _put(self, number: int, machine: Document, failed: Callable[[int, str], None]) -> None:
        self._made.setdefault(number, None)
        try:
            await self._run("put", machine)
        except KeeperError as error:
            self._refused[number] = machine
            failed(number, str(error))
        else:
            self._made[number] = machine

    async def _delete(self, number: int) -> None:
        try:
            await self._run("delete", {"id": number})
        except KeeperError as error:
            sys.stderr.write(f"machine {number} stays: {error}\n")
        # `clear` of the program takes away what could not be taken away alone.
        self._made.pop(number, None)
        self._refused.pop(number, None)

    async def _run(self, verb: str, content: Document) -> None:
        program = await asyncio.create_subprocess_exec(
            *self._command, verb, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr
        )
        try:
            async with asyncio.timeout(PROGRAM_SECONDS):
                said, _ = await program.communicate(json.dumps(content).encode())
        except TimeoutError:
            program.kill()
            await program.wait()
            raise KeeperError(f"{verb} took longer than {PROGRAM_SECONDS:.0f} s") from None
        _understood(said, program.returncode)

    def _said(self, done: "subprocess.CompletedProcess[bytes]") -> Mapping[str, Any]:
        return _understood(done.stdout, done.returncode)


_PLAIN: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "timeout": 60,
}


def _understood(said: bytes, code: int | None) -> Mapping[str, Any]:
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise KeeperError(f"the program for machines says nothing, exit code {code}")
    if code != 0:
        raise KeeperError(str(answer.get("error", f"exit code {code}")))
    return answer
