"""Who may reach the machines, as networks; the whole world only where the user says so twice."""

from ipaddress import ip_network

from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import CALLER
from kvx.settings import HetznerSettings


def allowed_addresses(wanted: HetznerSettings) -> tuple[str, ...]:
    """The networks, and the word for this machine's address; exit code 2 for what is neither."""
    if not wanted.allowed_addresses:
        message = "hetzner.allowed_addresses is empty: nobody could reach the machines, kvx neither"
        raise KvxError(message, f'set hetzner.allowed_addresses to ["{CALLER}"]', ExitCode.USAGE)
    return tuple(dict.fromkeys(_network(text, wanted) for text in wanted.allowed_addresses))


def _network(text: str, wanted: HetznerSettings) -> str:
    if text == CALLER:
        return text
    try:
        network = ip_network(text)
    except ValueError as error:
        message = f"hetzner.allowed_addresses holds {text!r}: {error}"
        fix = f"write a network such as 203.0.113.0/24, or {CALLER}"
        raise KvxError(message, fix, ExitCode.USAGE) from None
    if network.prefixlen == 0 and not wanted.open_to_the_world:
        message = f"{text} would open SSH and the Kubernetes API to the whole world"
        fix = "name the networks that need it; or set hetzner.open_to_the_world to true as well"
        raise KvxError(message, fix, ExitCode.USAGE)
    return str(network)
