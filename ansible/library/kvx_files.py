"""Writes several files of a node in one go, and knows which of their readers have not read them yet."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTATION = """
module: kvx_files
short_description: Writes several files in one go, instead of one task and one connection for each.
description:
  - A file that is as it should be is not touched, another is replaced in one step.
  - Missing folders above it are made.
  - A file may name who reads it. What a reader should have read is written down in READERS/NAME.wanted
    until somebody has let it read (mv READERS/NAME.wanted READERS/NAME), so that a run that was killed
    in between is made good.
options:
  files:
    type: list
    elements: dict
    required: true
    suboptions:
      path: {type: str, required: true, description: Where it is.}
      content: {type: str, description: What is in it; without, only the mode counts.}
      mode: {type: str, description: "Octal; 0644, and 0755 for a folder, where it is left out."}
      state: {type: str, choices: [file, directory, link, absent], default: file, description: What it is.}
      target: {type: str, description: Where a link leads.}
      replace: {type: bool, default: true, description: Whether a link takes the place of a file.}
      validate: {type: str, description: A program that looks at it first; %s is the file.}
      reader: {type: str, description: Who reads it.}
author: kvx
"""
RETURN = """
outdated: {type: list, elements: str, description: Readers that are to read again., returned: always}
paths: {type: list, elements: str, description: What has changed., returned: always}
"""
READERS = Path("/var/lib/kvx/readers")


@dataclass
class Changes:
    """What was, or in a check would be, changed."""

    paths: list[str] = field(default_factory=list)
    diffs: list[dict[str, str]] = field(default_factory=list)

    def note(self, path: Path, before: str, after: str) -> None:
        self.paths.append(str(path))
        self.diffs.append(
            {"before_header": str(path), "after_header": str(path), "before": before, "after": after}
        )


def main() -> None:
    entry = {
        "path": {"type": "str", "required": True},
        "content": {"type": "str"},
        "mode": {"type": "str"},
        "state": {"type": "str", "choices": ["file", "directory", "link", "absent"], "default": "file"},
        "target": {"type": "str"},
        "replace": {"type": "bool", "default": True},
        "validate": {"type": "str"},
        "reader": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": entry}},
        supports_check_mode=True,
    )
    changes = Changes()
    for wanted in module.params["files"]:
        try:
            _bring_about(module, wanted, changes)
        except OSError as error:
            module.fail_json(
                msg=f"{wanted['path']}: {error.strerror}. Look at the disk of the node: df; mount."
            )
    outdated = _outdated(module.params["files"], write=not module.check_mode)
    module.exit_json(
        changed=bool(changes.paths or outdated), paths=changes.paths, outdated=outdated, diff=changes.diffs
    )


def _bring_about(module: AnsibleModule, wanted: dict[str, str | None], changes: Changes) -> None:
    path = Path(str(wanted["path"]))
    match wanted["state"]:
        case "absent":
            _remove(path, changes, write=not module.check_mode)
        case "link":
            if wanted["replace"] or path.is_symlink() or not path.exists():
                _link(path, str(wanted["target"]), changes, write=not module.check_mode)
        case "directory":
            _make_folder(path, int(wanted["mode"] or "0755", 8), changes, write=not module.check_mode)
        case _:
            _write(module, path, wanted, changes)


def _remove(path: Path, changes: Changes, *, write: bool) -> None:
    if os.path.lexists(path):
        changes.note(path, "there\n", "gone\n")
        if write:
            path.unlink()


def _link(path: Path, target: str, changes: Changes, *, write: bool) -> None:
    present = str(path.readlink()) if path.is_symlink() else ""
    if present == target:
        return
    changes.note(path, f"{present}\n", f"{target}\n")
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.kvx")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(path)


def _make_folder(path: Path, mode: int, changes: Changes, *, write: bool) -> None:
    if path.is_dir() and stat.S_IMODE(path.stat().st_mode) == mode:
        return
    changes.note(path, "", f"a folder, {mode:o}\n")
    if write:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)


def _write(module: AnsibleModule, path: Path, wanted: dict[str, str | None], changes: Changes) -> None:
    mode = int(wanted["mode"] or "0644", 8)
    before = path.read_text(errors="replace") if path.is_file() else ""
    after = before if wanted["content"] is None else wanted["content"]
    there = path.is_file() and not path.is_symlink()
    if there and before == after and stat.S_IMODE(path.stat().st_mode) == mode and path.stat().st_uid == 0:
        return
    changes.note(path, before, after)
    new = _beside(path, after, mode) if not module.check_mode else _beside(None, after, mode)
    try:
        _look_at(module, path, new, wanted["validate"])
        if not module.check_mode:
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _beside(path: Path | None, content: str, mode: int) -> Path:
    """A file that takes the place of `path` in one step; for a look alone it lies elsewhere."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent if path else None, prefix=".kvx.")
    try:
        with os.fdopen(number, "w") as file:
            file.write(content)
            file.flush()
            os.fchmod(number, mode)
            os.fsync(number)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _look_at(module: AnsibleModule, path: Path, new: Path, validate: str | None) -> None:
    """In a check the program may not be installed yet; then nothing is said."""
    if validate is None:
        return
    command = shlex.split(validate % new)
    if module.check_mode and not Path(command[0]).exists():
        return
    code, _, complaint = module.run_command(command)
    if code != 0:
        module.fail_json(msg=f"{path} would not be valid, and is left as it was: {complaint.strip()}")


def _outdated(files: Iterable[dict[str, str | None]], *, write: bool) -> list[str]:
    wanted: dict[str, str] = {}
    for each in files:
        if each["reader"] is not None:
            words = f"{wanted.get(each['reader'], '')}\n{each['path']}\n{each['state']}\n{each['content']}"
            wanted[each["reader"]] = hashlib.sha256(words.encode()).hexdigest()
    outdated = [name for name, words in wanted.items() if _remembered(name) != words]
    if outdated and write:
        READERS.mkdir(parents=True, exist_ok=True)
        for name in outdated:
            (READERS / f"{name}.wanted").write_text(wanted[name])
    return outdated


def _remembered(name: str) -> str:
    path = READERS / name
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    main()
