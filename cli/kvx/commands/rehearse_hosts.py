"""What stands behind the servers of a rehearsal: real systemd hosts, or nothing; and how far it goes then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.settings.load import Loaded

if TYPE_CHECKING:
    from kvx.drivers.rehearsal_hosts import Hosts

WITHOUT, WITH = "provision", "configure"
STANDS = {
    False: "what stands in this rehearsal has no hosts",
    True: "what stands in this rehearsal has hosts",
}
ANEW = "kvx rehearse cleanup, then the same command"


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the rehearsal ends, what is said before it begins, and the settings it brings."""

    last_phase: str
    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


def chosen(own: Path, wish: bool | None, loaded: Loaded) -> Choice:
    """Hosts where they are possible and not refused; KvxError where they are wanted and cannot be."""
    from kvx.drivers import rehearsal, rehearsal_hosts
    from kvx.world import real_world

    if wish is False:
        _put_behind(own, None, wish)
        return Choice(WITHOUT, ("Without hosts: the rehearsal ends with the phase provision.",))
    found = rehearsal_hosts.look(own, real_world())
    if isinstance(found, rehearsal_hosts.Hosts):
        if _put_behind(own, rehearsal_hosts.PROGRAM, wish):
            return _with(found, loaded)
        return Choice(WITHOUT, _ends_early(STANDS[False], ANEW))
    if wish or rehearsal.machines(own) is not None:
        raise KvxError(f"no hosts can stand here: {found.reason}", found.fix, ExitCode.MISSING)
    return Choice(WITHOUT, _ends_early(found.reason, found.fix))


def _put_behind(own: Path, program: Path | None, wish: bool | None) -> bool:
    """False where nobody wished for either, and servers stand without hosts."""
    from kvx.drivers import rehearsal
    from kvx.world import real_world

    if rehearsal.put_behind(own, program, real_world()):
        return True
    if wish is None:
        return False
    raise KvxError(STANDS[not wish], typed(ANEW), ExitCode.INCOMPLETE)


def _ends_early(reason: str, fix: str) -> tuple[str, ...]:
    head = f"The rehearsal ends with the phase provision, because {reason}."
    return (head, typed(f"For one that configures machines too: {fix}"))


def _with(hosts: "Hosts", loaded: Loaded) -> Choice:
    variables: dict[str, str] = {}
    k3s = "k3s as set in nodes.k3s_folder"
    if loaded.settings.nodes.k3s_folder is None:
        version = loaded.settings.nodes.k3s_version or min(hosts.releases)
        if version not in hosts.releases:
            message = f"there is no stand-in for k3s {version}, only for {', '.join(sorted(hosts.releases))}"
            raise KvxError(message, "set nodes.k3s_folder to a folder with that release", ExitCode.USAGE)
        variables = {"KVX_NODES_K3S_VERSION": version, "KVX_NODES_K3S_FOLDER": str(hosts.releases[version])}
        k3s = "k3s by a stand-in around the real Kubernetes programs (no containers run)"
    return Choice(
        WITH,
        (
            "Real here: Terraform, machines with systemd, cloud-init and SSH, Ansible and its roles.",
            f"Stands in: a simulated Hetzner; {hosts.architecture} for every type; {k3s}.",
            "Not there: Hetzner's firewall, load balancers, volumes, spread groups.",
        ),
        variables,
    )
