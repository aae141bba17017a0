"""The machines of a plan in words: what is wanted, what Hetzner says to it, and what it costs."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from textwrap import fill
from typing import TYPE_CHECKING

from kvx.machines.fleet import CALLER, Fleet, Pool

if TYPE_CHECKING:
    from kvx.cost.estimate import Estimate, Line
    from kvx.drivers.hetzner_checks import Check

WIDTH = 80
NAMES, CHECKS, SUMS = 14, 17, 67


def wishes(fleet: Fleet) -> str:
    """What is to be made: pools and their places, network, and who gets in."""
    label = f"kvx/cluster={fleet.cluster}"
    head = f"The cluster {fleet.cluster} is to stand at Hetzner, all of it labelled {label}:"
    return "\n".join((head, *(line for name, words in _wishes(fleet) for line in _row(name, words))))


def _wishes(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for pool in fleet.all_pools:
        yield pool.name, _pool(pool)
    if fleet.load_balancer is not None:
        who = ", ".join(fleet.web_addresses)
        everybody = "everybody" if set(fleet.web_addresses) == {"0.0.0.0/0", "::/0"} else who
        yield "load balancer", f"{_place(str(fleet.load_balancer))}; ports 80 and 443 are open to {everybody}"
    outside = "no public address, out through the gateway" if fleet.private_only else "a public IPv4 each"
    yield (
        "network",
        f"{fleet.network_range} in {fleet.network_zone}, nodes in {fleet.subnet_range}; {outside}",
    )
    yield (
        "firewall",
        f"SSH and the Kubernetes API are open to {_who(fleet.allowed_addresses)}; nothing else is",
    )
    yield "ssh key", str(fleet.ssh_public_key) if fleet.ssh_public_key else "one that kvx makes for it"
    yield "system", fleet.image


def _pool(pool: Pool) -> str:
    first, *others = pool.places
    parts = [f"{pool.count} x {_place(str(first))}"]
    if others:
        parts.append(f"else {', '.join(map(str, others))}")
    if pool.volume_gb:
        parts.append(f"each with a volume of {pool.volume_gb} GB")
    if pool.labels:
        parts.append(f"labels {', '.join(f'{key}={value}' for key, value in pool.labels)}")
    if pool.taints:
        parts.append(f"taints {', '.join(pool.taints)}")
    return "; ".join(parts)


def _place(place: str) -> str:
    return " in ".join(place.split("@"))


def _who(addresses: Sequence[str]) -> str:
    named = ["this machine's address" if each == CALLER else each for each in addresses]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _row(name: str, words: str, names: int = NAMES) -> list[str]:
    indent = " " * (names + 4)
    return fill(words, WIDTH, initial_indent=f"  {name:<{names}}  ", subsequent_indent=indent,
                break_long_words=False, break_on_hyphens=False).splitlines()  # fmt: skip


def findings(checks: "Sequence[Check]", notes: Sequence[str]) -> str:
    """What the look at Hetzner came to, a line for each thing, with the fix of what is missing."""
    lines = ["What was looked at; nothing was written:"]
    for check in checks:
        lines += _row(f"{check.state:<8}{check.name}", check.words, CHECKS)
        lines += _row("", f"fix: {check.fix}", CHECKS) if check.fix else ()
    for note in notes:
        lines += _row("note    place", note, CHECKS)
    return "\n".join(lines)


def price_table(estimate: "Estimate", age_days: int | None) -> str:
    """Net prices of a month: each kind of thing, how many, each, together; then the whole."""
    head = fill(_price_head(estimate, age_days), WIDTH)
    rows = [_price_row(line) for line in estimate.lines]
    return "\n".join((head, *rows, *_sums(estimate)))


def _price_head(estimate: "Estimate", age_days: int | None) -> str:
    if estimate.source == "hetzner":
        return f"What it costs a month in {estimate.currency}, net, by Hetzner's price list of today:"
    old = f", {age_days} days old" if age_days is not None else ""
    return (
        f"What it costs a month in {estimate.currency}, net, by the price list of {estimate.price_date} "
        f"that kvx brings{old}:"
    )


def _price_row(line: "Line") -> str:
    what = f"  {line.count:>4} x {line.words:<36}"
    return f"{what}{_amount(line.each_monthly_net):>10}{cents(line.monthly_net):>12}"


def _sums(estimate: "Estimate") -> Iterator[str]:
    if estimate.monthly_net is None:
        yield f"  The whole is not known: there is no price for {', '.join(estimate.missing)}."
        return
    yield f"{'-' * 10:>{SUMS}}"
    yield f"{'  the whole':<{SUMS - 12}}{cents(estimate.monthly_net):>12}"
    if estimate.monthly_gross is not None:
        yield f"{'  with value added tax':<{SUMS - 12}}{cents(estimate.monthly_gross):>12}"


def _amount(amount: Decimal | None) -> str:
    """A price of one: with all the digits that Hetzner gives, and two at least."""
    if amount is None:
        return "unknown"
    return str(amount) if -int(amount.as_tuple().exponent) > 2 else f"{amount:.2f}"


def cents(amount: Decimal | None) -> str:
    """An amount as it is shown, rounded to cents."""
    from kvx.cost.estimate import in_cents

    return "unknown" if amount is None else str(in_cents(amount))


def fleet_data(fleet: Fleet) -> dict[str, object]:
    """What is wanted, for programs."""
    pools = [
        {
            "name": pool.name,
            "count": pool.count,
            "places": [str(place) for place in pool.places],
            "labels": dict(pool.labels),
            "taints": list(pool.taints),
            "volume_gb": pool.volume_gb,
        }
        for pool in fleet.all_pools
    ]
    return {
        "cluster": fleet.cluster,
        "pools": pools,
        "load_balancer": None if fleet.load_balancer is None else str(fleet.load_balancer),
        "network": fleet.network_range,
        "allowed_addresses": list(fleet.allowed_addresses),
        "private_only": fleet.private_only,
        "image": fleet.image,
    }


def estimate_data(estimate: "Estimate") -> dict[str, object]:
    """What it costs, for programs: amounts are strings, null where Hetzner's list has none."""
    lines = [
        {
            "words": line.words,
            "count": line.count,
            "each_monthly_net": _plain(line.each_monthly_net),
            "monthly_net": _plain(line.monthly_net),
        }
        for line in estimate.lines
    ]
    return {
        "lines": lines,
        "monthly_net": None if estimate.monthly_net is None else cents(estimate.monthly_net),
        "monthly_gross": None if estimate.monthly_gross is None else cents(estimate.monthly_gross),
        "currency": estimate.currency,
        "price_date": estimate.price_date,
        "source": estimate.source,
    }


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
