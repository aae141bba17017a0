"""Steps of the configure phase: machines that answer, then machines that are a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvx.secret import Secret


@dataclass(frozen=True, slots=True)
class NodesWanted:
    """What is wanted of the nodes. `variables` are those of the roles, `variables_file` has more of them.

    `allowed_addresses` None means those that provision resolved; the keys are those of etcd's bucket.
    """

    variables: Mapping[str, object] = field(default_factory=dict)
    variables_file: Path | None = None
    allowed_addresses: tuple[str, ...] | None = None
    etcd_access_key: Secret | None = None
    etcd_secret_key: Secret | None = None
    forks: int = 10


@dataclass(frozen=True, slots=True)
class AwaitNodes:
    """Look whether every machine of the inventory answers by SSH, and has ended its first start.

    `key` is the private key, in a file or, where only its public half is there, with an agent.
    """

    folder: Path
    source: Path
    key: Path
    deadline_seconds: float = 300

    @property
    def words(self) -> str:
        return "wait until every machine answers by SSH"

    @property
    def command(self) -> tuple[str, ...]:
        return (
            *_ansible(self.source, "ansible", self.folder),
            "--playbook-dir",
            str(self.source),
            "--extra-vars",
            f"ansible_ssh_private_key_file={self.key}",
            "--module-name",
            "ansible.builtin.ping",
            "all",
        )


@dataclass(frozen=True, slots=True)
class ConfigureNodes:
    """Run site.yml, whose tasks look at the world themselves; its variables lie in a file beside its log."""

    folder: Path
    source: Path
    key: Path
    nodes: NodesWanted
    deadline_seconds: float = 3600

    @property
    def words(self) -> str:
        return "make the machines a cluster with Ansible"

    @property
    def command(self) -> tuple[str, ...]:
        more = self.nodes.variables_file
        return (
            *_ansible(self.source, "ansible-playbook", self.folder),
            "--extra-vars",
            f"@{variables_path(self.folder)}",
            *(("--extra-vars", f"@{more}") if more else ()),
            str(self.source / "site.yml"),
        )


NodeStep = AwaitNodes | ConfigureNodes
VARIABLES = "variables.json"


def ansible_folder(folder: Path) -> Path:
    """Where kvx keeps what it gives to Ansible, and what Ansible said."""
    return folder / "ansible"


def variables_path(folder: Path) -> Path:
    """The variables of the last run, as JSON."""
    return ansible_folder(folder) / VARIABLES


def _ansible(source: Path, program: str, folder: Path) -> tuple[str, ...]:
    settings = f"ANSIBLE_CONFIG={source / 'ansible.cfg'}"
    return ("env", settings, program, "--inventory", str(folder / "inventory.yaml"))
