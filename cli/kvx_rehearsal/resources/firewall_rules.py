"""The rules of a firewall as a request states them. Public documentation, "Firewalls"; limit: its Limits."""

import ipaddress

from kvx_rehearsal.call import wanted_choice, wanted_list
from kvx_rehearsal.refusals import invalid
from kvx_rehearsal.store import Document

MOST_RULES = 50
MOST_ADDRESSES = 100
LONGEST_DESCRIPTION = 255
PROTOCOLS = ("tcp", "udp", "icmp", "esp", "gre")
WITH_PORTS = ("tcp", "udp")
HIGHEST_PORT = 65_535


def rules_from(rules: list[Document]) -> list[Document]:
    if len(rules) > MOST_RULES:
        raise invalid("rules", f"a firewall has at most {MOST_RULES} rules")
    return [_rule(rule) for rule in rules]


def _rule(rule: Document) -> Document:
    direction = wanted_choice(rule, "direction", ("in", "out"))
    protocol = wanted_choice(rule, "protocol", PROTOCOLS)
    asked = {"in": "source_ips", "out": "destination_ips"}[direction]
    addresses = {name: _addresses(rule, name) for name in ("source_ips", "destination_ips")}
    if not addresses[asked]:
        raise invalid(asked, f"is needed for direction {direction}")
    return {
        "direction": direction,
        "protocol": protocol,
        "port": _port(rule.get("port"), protocol),
        "description": _description(rule.get("description")),
        **addresses,
    }


def _addresses(rule: Document, name: str) -> list[str]:
    texts = wanted_list(rule, name)
    if len(texts) > MOST_ADDRESSES:
        raise invalid(name, f"has at most {MOST_ADDRESSES} addresses")
    try:
        return [str(ipaddress.ip_network(text)) for text in texts]
    except ValueError as error:
        raise invalid(name, str(error)) from error


def _port(port: object, protocol: str) -> str | None:
    if protocol not in WITH_PORTS:
        if port is not None:
            raise invalid("port", f"must not be used with {protocol}")
        return None
    if port == "any":
        return "1-65535"
    text = str(port or "")
    ends = text.split("-")
    if len(ends) > 2 or not all(end.isdigit() and 1 <= int(end) <= HIGHEST_PORT for end in ends):
        raise invalid("port", f"'{port}' is not a port or a range of ports")
    return text


def _description(description: object) -> str | None:
    if description is None:
        return None
    if not isinstance(description, str) or len(description) > LONGEST_DESCRIPTION:
        raise invalid("description", f"has at most {LONGEST_DESCRIPTION} characters")
    return description
