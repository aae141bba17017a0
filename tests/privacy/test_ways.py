"""What may leave the machine is told way by way, with what opens or closes each."""

import socket
from dataclasses import fields, replace
from pathlib import Path

import pytest

from voice_api.engines import openai_http
from voice_api.engines.file import CallerTable, EngineTable, Tables
from voice_api.privacy.alone import Attempt, attempt_of, sent_bytes
from voice_api.privacy.proof import unexpected
from voice_api.privacy.ways import ADDRESSES, PROVIDERS, Way, host_of, kept, ways
from voice_api.settings import Settings

FAR = Tables(engines={"far": EngineTable(kind="openai")})
CONSENTING = Tables(engines=FAR.engines, callers={"ann": CallerTable(policy="cloud", consents=True)})
PLAIN = Settings()


def way(name: str, settings: Settings = PLAIN, tables: Tables = FAR, cluster: str = "") -> Way:
    (found,) = [each for each in ways(settings, tables, cluster, "") if each.name == name]
    return found


def test_every_setting_that_names_an_address_elsewhere_is_told_of() -> None:
    """One that is added and not told of makes this red."""
    named = {each.name for each in fields(Settings) if each.name.endswith(("_url", "_address", "_issuer"))}
    assert named == set(ADDRESSES)


def test_nothing_is_open_with_the_settings_as_they_are_shipped() -> None:
    assert not [each for each in ways(PLAIN, Tables(), "", "") if each.open]


def test_an_engine_is_open_where_somebody_consents_and_closed_where_the_operator_says_so() -> None:
    assert not way("engine far").open
    opened = way("engine far", tables=CONSENTING)
    assert (opened.open, opened.why, opened.host) == (True, "consenting: ann", "api.openai.com")
    assert opened.what == "sound of what is said and text of replies"
    closed = way("engine far", replace(PLAIN, local_only=True), CONSENTING)
    assert (closed.open, closed.why) == (False, "local_only is set")


def test_an_engine_at_an_address_of_its_own_is_told_with_that() -> None:
    table = EngineTable(kind="openai", address="https://speech.example:8443/v1", tasks=frozenset({"speak"}))
    found = way("engine far", tables=Tables(engines={"far": table}))
    assert (found.host, found.what) == ("speech.example", "text of replies")
    assert host_of(openai_http.ADDRESS) == PROVIDERS["openai"]


def test_the_cluster_and_a_processor_are_ways_out_where_they_are_named() -> None:
    assert way("cluster", cluster="https://10.0.0.1:6443") == replace(
        way("cluster"), host="10.0.0.1", open=True, why="kubeconfig"
    )
    assert way("processor_url", replace(PLAIN, processor_url="http://10.0.0.2:8485")).open


def test_a_language_model_is_a_way_out_where_it_is_named() -> None:
    assert not way("language_model_address").open
    named = way("language_model_address", replace(PLAIN, language_model_address="https://models.example/v1"))
    assert (named.open, named.host, named.why) == (True, "models.example", "language_model_address")
    assert named.what.startswith("sentences that the grammar does not understand")


def test_an_identity_provider_and_programs_beside_the_service_are_ways_out_where_they_are_named() -> None:
    issuer = way("oidc_issuer", replace(PLAIN, oidc_issuer="https://login.example/realms/kvx"))
    assert (issuer.open, issuer.host) == (True, "login.example")
    assert way("extensions", replace(PLAIN, extensions_folder="/etc/kvx/extensions")).open
    assert not way("extensions").open


def test_a_password_in_an_address_is_not_told() -> None:
    assert host_of("postgresql://kvx:kanarienvogel@db.example/kvx") == "db.example"


def test_what_is_kept_is_told_with_its_days() -> None:
    def days(settings: Settings) -> dict[str, float | None]:
        return {each.what: each.days for each in kept(settings, Path("/journal"), Path("/jobs"))}

    assert set(days(PLAIN).values()) == {0}
    with_users = days(replace(PLAIN, users_file="users.json", transcript_days=7, log_transcripts=True))
    assert with_users["sound of commands"] == 0
    assert with_users["what was said, without secrets"] == 7
    assert with_users["what was said, in the log"] is None


def test_an_attempt_that_no_open_way_explains_is_unexpected() -> None:
    open_way = Way("cluster", "10.0.0.1", "questions", True, "kubeconfig")
    home = (Attempt("127.0.0.1", 8484), Attempt("::1"), Attempt("localhost", 80))
    seen = (*home, Attempt("10.0.0.1", 6443), Attempt("telemetry.example", 443))
    assert unexpected(seen, [open_way]) == (Attempt("telemetry.example", 443),)
    closed = replace(open_way, open=False)
    assert unexpected(seen, [closed]) == (Attempt("10.0.0.1", 6443), Attempt("telemetry.example", 443))


@pytest.mark.parametrize(
    ("event", "arguments", "host"),
    [
        ("socket.getaddrinfo", (b"far.example", 443, 0, 0, 0), "far.example"),
        ("socket.getaddrinfo", (b"\xff.example", 443, 0, 0, 0), "\ufffd.example"),
        ("socket.gethostbyname", ("far.example",), "far.example"),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0), None),
    ],
)
def test_what_is_looked_up_is_an_attempt(event: str, arguments: tuple[object, ...], host: str | None) -> None:
    found = attempt_of(event, arguments)
    assert (found.host if found else None) == host


def test_what_is_connected_to_is_an_attempt_and_a_file_of_this_machine_is_none() -> None:
    with (
        socket.socket() as far,
        socket.socket(socket.AF_INET6) as farther,
        socket.socket(socket.AF_UNIX) as own,
    ):
        assert attempt_of("socket.connect", (far, ("10.0.0.1", 443))) == Attempt("10.0.0.1", 443)
        assert attempt_of("socket.sendto", (farther, ("fd00::1", 53, 0, 0))) == Attempt("fd00::1", 53)
        assert attempt_of("socket.sendmsg", (far, None)) == Attempt("an address that was not told")
        assert attempt_of("socket.connect", (own, "/run/some.sock")) is None


def test_bytes_that_were_sent_are_read_for_each_network() -> None:
    table = (
        "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n"
        "    lo:  100 1 0 0 0 0 0 0  200 2 0 0 0 0 0 0\n  eth0:7 1 0 0 0 0 0 0 9 2 0 0 0 0 0 0\n"
    )
    assert sent_bytes(table) == {"lo": 200, "eth0": 9}
