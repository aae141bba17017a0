"""kvx doctor --privacy: what leaves the machine or the pods, what is kept, and the proof of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from kvx.commands.check import Check
from kvx.deployment import Deployment

Document = Mapping[str, Any]
SETTINGS, VARIABLE = "voice-api-settings", "KVX_VOICE_"


def of_privacy(deployment: Deployment) -> Iterator[Check]:
    """KvxError where it cannot be told; a check is missing where something leaves that shall not."""
    if deployment.target == "local":
        yield from of_machine(_asked(deployment))
        return
    from kvx.drivers.rendering import rendered_objects

    yield from of_pods(rendered_objects(deployment.folder))


def of_machine(told: Document) -> Iterator[Check]:
    for way in told["ways"]:
        if way["open"]:
            place = f" to {way['host']}" if way["host"] else ""
            yield Check(way["name"], "note", f"open{place}: {way['what']} ({way['why']})")
        else:
            yield Check(way["name"], "ok", f"closed: {way['why']}")
    for kept in told["kept"]:
        days = kept["days"]
        long = "" if days == 0 else ", for good" if days is None else f", for {days:g} days"
        yield Check("kept", "ok" if days is not None else "note", f"{kept['what']}: {kept['where']}{long}")
    yield from _proof(told["proof"])


def _proof(proof: Document) -> Iterator[Check]:
    if proof["unexpected"]:
        hosts = ", ".join(_place(each) for each in proof["unexpected"])
        fix = "this is a defect of the voice API, or of what it loads: please tell"
        yield Check("proof", "missing", f"it tried to reach {hosts}, where no open way leads", fix)
        return
    if proof["why"]:
        yield Check(
            "proof", "note", f"not proven: {proof['why']}", "kvx doctor --privacy, on a Linux machine"
        )
        return
    tried = ", ".join(_place(each) for each in proof["attempts"]) or "nothing"
    words = f"without a network it heard {proof['heard']!r} and answered; it tried to reach {tried}"
    yield Check("proof", "ok", f"{words}, and sent {proof['sent_bytes']} bytes")


def of_pods(objects: Sequence[Document]) -> Iterator[Check]:
    """Who is asked elsewhere, and the ways that network policies leave; what has none is closed."""
    for each in objects:
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith(SETTINGS):
            yield from _asked_elsewhere(each.get("data") or {})
        if each["kind"] == "NetworkPolicy" and "Egress" in each["spec"].get("policyTypes", ()):
            rules = each["spec"].get("egress") or []
            name = f"policy {each['metadata']['name']}"
            said = "; ".join(_rule(rule) for rule in rules)
            yield Check(name, "note" if said else "ok", f"open to {said}" if said else "closed")
    yield Check("proof", "note", "pods are held to this by a network that enforces policies, as k3s's does")


def _asked_elsewhere(settings: Mapping[str, str]) -> Iterator[Check]:
    """Of an address only the host is told: before it a password may stand."""
    for name, value in sorted(settings.items()):
        if "://" in value and (host := urlsplit(value).hostname):
            setting = name.removeprefix(VARIABLE).lower()
            yield Check(setting, "note", f"open to {host}, where a policy below leads there")


def _rule(rule: Document) -> str:
    ports = ", ".join(str(each.get("port", "any")) for each in rule.get("ports") or [])
    peers = [_peer(each) for each in rule.get("to") or []]
    return f"{', '.join(peers) or 'everywhere'} at port {ports or 'any'}"


def _peer(peer: Document) -> str:
    match peer:
        case {"ipBlock": {"cidr": str(network), "except": [*closed]}} if closed:
            return f"{network} but {', '.join(closed)}"
        case {"ipBlock": {"cidr": str(network)}}:
            return network
        case _:
            labels = {**_labels(peer, "podSelector"), **_labels(peer, "namespaceSelector")}
            return f"pods of {', '.join(labels.values())}" if labels else "pods of its namespace"


def _labels(peer: Document, selector: str) -> dict[str, str]:
    return dict((peer.get(selector) or {}).get("matchLabels") or {})


def _place(attempt: Document) -> str:
    return f"{attempt['host']}:{attempt['port']}" if attempt["port"] else str(attempt["host"])


def _asked(deployment: Deployment) -> Document:
    from kvx.drivers.privacy import told_by
    from kvx.phases.service import settings_text, voice_api_program
    from kvx.world import real_world

    return told_by(voice_api_program(), settings_text(deployment), real_world())
