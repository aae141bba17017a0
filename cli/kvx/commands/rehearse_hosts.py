"""What stands behind the servers of a rehearsal, who builds its images; and how far it goes then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.settings.load import Loaded

if TYPE_CHECKING:
    from kvx.drivers.rehearsal_hosts import Hosts
    from kvx.drivers.rehearsal_images import LentBuilder, OwnBuilder

WITHOUT, WITH, WHOLE = "provision", "configure", "verify"
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
    builder: "OwnBuilder | LentBuilder | None" = None


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
    real = "Real here: Terraform, machines with systemd, cloud-init and SSH, Ansible and its roles"
    stands_in = f"Stands in: a simulated Hetzner; {hosts.architecture} for every type"
    missing = "Not there: Hetzner's firewall, load balancers, volumes, spread groups."
    if loaded.settings.nodes.k3s_folder is not None:
        words = (f"{real}.", f"{stands_in}; k3s as set in nodes.k3s_folder.", missing)
        return Choice(WITH, (*words, "The rehearsal ends with configure: that k3s is not known here."))
    end = _no_pods(hosts, loaded)
    if isinstance(end, Choice):
        return end
    version, folder = _release(hosts.releases, loaded)
    k3s = "k3s by a stand-in around the real Kubernetes programs (no containers run)"
    head = f"The rehearsal ends with the phase configure, because {end[0]}."
    fix = typed(f"For one that goes on to a spoken question: {end[1]}")
    return Choice(WITH, (f"{real}.", f"{stands_in}; {k3s}.", missing, head, fix), _k3s(version, folder))


def _no_pods(hosts: "Hosts", loaded: Loaded) -> tuple[str, str] | Choice:
    """Why it cannot go all the way and what to type; the choice where it can."""
    from kvx.drivers import rehearsal_hosts, rehearsal_images
    from kvx.world import real_world

    images, wanted = loaded.settings.images, loaded.settings.nodes.k3s_version
    if images.repository is not None:
        return "images.repository is a registry, which no rehearsal writes to", "leave images.repository out"
    if not hosts.with_containers:
        return (
            "the k3s that runs containers is not built",
            f"{rehearsal_hosts.WITH_CONTAINERS} (a minute, once)",
        )
    if wanted is not None and wanted not in hosts.with_containers:
        known = ", ".join(sorted(hosts.with_containers))
        return f"the k3s that runs containers is {known} alone", "leave nodes.k3s_version out"
    builder = rehearsal_images.look(images.builder, real_world())
    if isinstance(builder, rehearsal_images.NoBuilder):
        return builder.reason, builder.fix
    version, folder = _release(hosts.with_containers, loaded)
    variables = {**_k3s(version, folder), "KVX_IMAGES_PLATFORMS": f"linux/{hosts.architecture}"}
    if hosts.architecture != "arm64" and loaded.settings.kubernetes.overlay is None:
        variables["KVX_KUBERNETES_ARM64"] = "no"
    return Choice(WHOLE, _whole(hosts.architecture, builder), variables, builder)


def _whole(architecture: str, builder: "OwnBuilder | LentBuilder") -> tuple[str, ...]:
    from kvx.drivers.rehearsal_images import OwnBuilder

    who = f"the builder {builder.name}" if isinstance(builder, OwnBuilder) else "BuildKit"
    programs = "Kubernetes with etcd, kubelet and kube-proxy; containerd and runc; CoreDNS, metrics-server"
    ours = "k3s' own program, its network and who keeps its policies by small ones of ours"
    return (
        "Real here: Terraform, machines with systemd, cloud-init and SSH, Ansible and its roles;",
        f"  the images, by {who}; {programs}.",
        f"Stands in: a simulated Hetzner; {architecture} for every type; {ours}.",
        "Not there: Hetzner's firewall, load balancers, volumes, spread groups; Traefik.",
    )


def _release(releases: Mapping[str, Path], loaded: Loaded) -> tuple[str, Path]:
    version = loaded.settings.nodes.k3s_version or min(releases)
    if version not in releases:
        message = f"there is no stand-in for k3s {version}, only for {', '.join(sorted(releases))}"
        raise KvxError(message, "set nodes.k3s_folder to a folder with that release", ExitCode.USAGE)
    return version, releases[version]


def _k3s(version: str, folder: Path) -> dict[str, str]:
    return {"KVX_NODES_K3S_VERSION": version, "KVX_NODES_K3S_FOLDER": str(folder)}
