"""The file of role variables that nodes.variables names: looked at early, used by Ansible."""

import re
from pathlib import Path

from kvx.errors import ExitCode, KvxError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# kvx reaches the machines by them, and finds there what the next phases need.
_OURS = ("ansible_ssh_private_key_file", "handover_folder")
# kvx nodes upgrade gives the version itself, and a file would have the last word.
_SETTINGS = {"k3s_version": "nodes.k3s_version", "k3s_checksums": "nodes.k3s_checksums"}


def check_variables(path: Path) -> None:
    """Raises a KvxError with exit code 2 unless the file is a mapping of names to values, in YAML or JSON."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(f"{path} cannot be read: {error.strerror}", f"ls -ld {path}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise _wrong(f"{path} is not YAML: {words}", f"correct {path}; a line is NAME: VALUE") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        fix = f"write each line of {path} as NAME: VALUE; ansible/README.md names them"
        raise _wrong(f"{path} is no mapping of variables", fix)
    for name in found:
        if not _NAME.fullmatch(name):
            message = f"{path} sets {name!r}, and no variable is called so"
            raise _wrong(message, "use letters, digits and low lines")
        if name in _OURS:
            raise _wrong(f"{path} sets {name}, which kvx sets", f"take {name} out of {path}")
        if name in _SETTINGS:
            fix = f"take it out of {path}, and set {_SETTINGS[name]} in kvx.toml"
            raise _wrong(f"{path} sets {name}, which is a setting of kvx", fix)


def _wrong(message: str, fix: str) -> KvxError:
    return KvxError(f"nodes.variables: {message}", fix, ExitCode.USAGE)
