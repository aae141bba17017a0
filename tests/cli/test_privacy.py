"""kvx doctor --privacy: what leaves, what is kept, and whether that is proven."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvx.commands.doctor_privacy import of_machine, of_pods

Kvx = Callable[..., subprocess.CompletedProcess[str]]
PROOF = {"heard": "how many pods", "attempts": [], "unexpected": [], "sent_bytes": 0, "why": ""}
FAR = {"host": "far.example", "port": 443}


def states(told: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each.name: (each.state, each.words) for each in of_machine({"ways": [], "kept": [], **told})}


def test_an_open_way_is_told_with_its_host_and_a_closed_one_with_what_closes_it() -> None:
    way = {"name": "engine far", "host": "far.example", "what": "sound", "why": "consenting: ann"}
    opened = states({"ways": [{**way, "open": True}], "proof": PROOF})["engine far"]
    assert opened == ("note", "open to far.example: sound (consenting: ann)")
    closed = states({"ways": [{**way, "open": False, "why": "local_only is set"}], "proof": PROOF})
    assert closed["engine far"] == ("ok", "closed: local_only is set")


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (0, "ok", "words: here"),
        (30, "ok", "words: here, for 30 days"),
        (None, "note", "words: here, for good"),
    ],
)
def test_what_is_kept_for_good_is_pointed_out(days: float | None, state: str, words: str) -> None:
    kept = {"what": "words", "where": "here", "days": days}
    assert states({"kept": [kept], "proof": PROOF})["kept"] == (state, words)


def test_whatever_leaves_unexpectedly_is_a_failure() -> None:
    found = states({"proof": {**PROOF, "attempts": [FAR], "unexpected": [FAR]}})["proof"]
    assert found == ("missing", "it tried to reach far.example:443, where no open way leads")


def test_what_could_not_be_proven_is_not_called_proven() -> None:
    state, words = states({"proof": {**PROOF, "why": "no kernel"}})["proof"]
    assert (state, words) == ("note", "not proven: no kernel")


def test_the_ways_of_pods_are_those_that_their_policies_leave() -> None:
    out = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}], "ports": [{"port": 443}]}
    inner = {"to": [{"podSelector": {"matchLabels": {"app": "postgres"}}}], "ports": [{"port": "postgres"}]}
    policies = [
        {"kind": "NetworkPolicy", "metadata": {"name": name}, "spec": {"policyTypes": types, "egress": rules}}
        for name, types, rules in (
            ("deny", ["Ingress", "Egress"], []),
            ("far", ["Egress"], [out, inner]),
            ("all", ["Egress"], [{}]),
            ("in", ["Ingress"], []),
        )
    ]
    found = {each.name: (each.state, each.words) for each in of_pods(policies)}
    assert found["policy deny"] == ("ok", "closed")
    assert found["policy far"] == (
        "note",
        "open to 0.0.0.0/0 but 10.0.0.0/8 at port 443; pods of postgres at port postgres",
    )
    assert found["policy all"] == ("note", "open to everywhere at port any")
    assert "policy in" not in found


def test_an_identity_provider_and_a_language_model_that_pods_ask_are_told_by_their_hosts() -> None:
    data = {
        "KVX_VOICE_OIDC_ISSUER": "https://login.example/realms/kvx",
        "KVX_VOICE_LANGUAGE_MODEL_ADDRESS": "http://me:kanarienvogel@language-model",
        "KVX_VOICE_USERS_FILE": "/etc/kvx/users/users.json",
    }
    objects = [{"kind": "ConfigMap", "metadata": {"name": "voice-api-settings-hash"}, "data": data}]
    found = {each.name: each.words for each in of_pods(objects)}
    assert found["oidc_issuer"].startswith("open to login.example,")
    assert found["language_model_address"].startswith("open to language-model,")
    assert found.keys() == {"oidc_issuer", "language_model_address", "proof"}
    assert "kanarienvogel" not in str(found)


@pytest.mark.needs("network namespaces")
def test_this_machine_proves_it_and_nothing_is_left(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("doctor", "--privacy", timeout=180, HOME=str(tmp_path), KUBECONFIG="")
    assert ended.returncode == 0, ended.stderr
    lines = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    (proof,) = [line for line in lines if line[1] == "proof"]
    assert proof[0] == "ok"
    assert "tried to reach nothing, and sent 0 bytes" in proof[2]
    assert not list(tmp_path.iterdir())


def test_a_wrong_setting_is_two_lines_and_no_proof(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("doctor", "--privacy", KVX_VOICE_ENGINES_FILE=str(tmp_path / "nowhere.toml"))
    assert ended.returncode == 3
    assert "nowhere.toml" in ended.stderr
    assert "fix: " in ended.stderr
    assert "Traceback" not in ended.stderr
