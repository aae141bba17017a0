"""Each refusal of Hetzner by its code: whether to repeat, go elsewhere, or end, and with which exit code."""

import pytest

from kvx.errors import ExitCode
from kvx.machines.refusal_words import WORDS
from kvx.machines.refusals import TABLE, refusal_in, refusal_of

FAILED, MISSING, NO_CAPACITY = ExitCode.FAILED, ExitCode.MISSING, ExitCode.NO_CAPACITY

# reference/hetzner.md 5.5, row by row, written down a second time by hand.
ROWS = {
    "transient": (
        "rate_limit_exceeded conflict locked timeout bad_gateway service_error server_error unknown_error"
    ),
    "capacity": "resource_unavailable placement_error no_space_left_in_location",
    "quota": "resource_limit_exceeded",
    "taken": "uniqueness_error",
    "permanent": (
        "invalid_input unauthorized forbidden token_readonly not_found protected unsupported_error "
        "deprecated_api_endpoint maintenance unavailable networks_overlap"
    ),
    "already": "server_already_attached target_already_defined firewall_already_applied",
}
RACES = ("no_subnet_available", "ip_not_available", "resource_in_use")
EXIT_CODES = {"capacity": NO_CAPACITY, "quota": NO_CAPACITY}
OF_THE_TOKEN = ("unauthorized", "forbidden", "token_readonly", "protected")
# As internal/util/hcloudutil of the provider 1.68.0 writes them.
OF_THE_FRAMEWORK = (
    "API request failed\n\nAn unexpected error was encountered during an API request.\n\nno (locked, c2)\n\n"
    "Error code: locked\nStatus code: 423\n"
)
OF_AN_ACTION = (
    "Action failed\n\nAn API action for the resource failed.\n\nno host\n\nError code: placement_error\n"
    "Command: create_server\nID: 7\nResources: server: 3"
)
CASES = [(code, kind) for kind, codes in ROWS.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "kind"), CASES)
def test_a_code_means_what_the_table_says(code: str, kind: str) -> None:
    refusal = refusal_of(code, "some words", 400, "abc123")
    assert refusal.kind == kind
    expected = MISSING if code in OF_THE_TOKEN else EXIT_CODES.get(kind, FAILED)
    assert refusal.exit_code is expected
    assert refusal.may_be_repeated == (kind in {"transient", "already"})


@pytest.mark.parametrize("code", RACES)
def test_races_between_resources_pass_by_themselves(code: str) -> None:
    assert refusal_of(code, "", 409).kind == "transient"


@pytest.mark.parametrize("code", sorted(TABLE))
def test_a_person_is_told_what_hetzner_said_the_correlation_id_and_a_fix(code: str) -> None:
    error = refusal_of(code, "no such luck", 400, "f00dcafe").as_error("make server kvx-workers-1")
    assert "make server kvx-workers-1" in error.message
    assert "no such luck" in error.message
    assert code in error.message
    assert "f00dcafe" in error.message
    assert error.fix


@pytest.mark.parametrize(
    ("http_status", "kind", "exit_code"),
    [
        (401, "permanent", MISSING),
        (403, "permanent", MISSING),
        (404, "permanent", FAILED),
        (412, "capacity", NO_CAPACITY),
        (418, "permanent", FAILED),
        (429, "transient", FAILED),
        (500, "transient", FAILED),
        (503, "transient", FAILED),
        (None, "permanent", FAILED),
    ],
)
def test_a_code_nobody_knows_is_judged_by_its_status(
    http_status: int | None, kind: str, exit_code: ExitCode
) -> None:
    refusal = refusal_of("brand_new_code", "", http_status)
    assert (refusal.kind, refusal.exit_code) == (kind, exit_code)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("service_error", "placement group contains already 10 servers", "permanent"),
        ("service_error", "something broke", "transient"),
        ("forbidden", "server limit exceeded", "quota"),
        ("forbidden", "no", "permanent"),
        ("resource_limit_exceeded", "Primary IP limit exceeded", "quota"),
        ("unknown_error", "error during placement", "capacity"),
        ("412", "server location disabled", "capacity"),
        ("unavailable", "we are unable to provision servers for this location", "capacity"),
        ("invalid_input", "name contains: server limit exceeded", "permanent"),
        ("uniqueness_error", "error during placement is taken", "taken"),
    ],
)
def test_words_count_only_where_the_code_says_nothing(code: str, message: str, kind: str) -> None:
    assert refusal_of(code, message, 400).kind == kind


def test_every_sentence_that_is_read_has_a_meaning() -> None:
    kinds = {refusal_of("service_error", words, 500).kind for words, _ in WORDS}
    assert kinds == {"permanent", "quota", "capacity"}


def test_a_limit_is_named() -> None:
    details = {"limits": [{"name": "server_limit"}]}
    refusal = refusal_of("resource_limit_exceeded", "limit exceeded", 403, "", details)
    assert "server_limit" in refusal.as_error().message


@pytest.mark.parametrize("details", [None, {}, {"fields": None}, {"limits": "many"}, {"fields": ["a", 1]}])
def test_details_of_any_shape_are_survived(details: dict[str, object] | None) -> None:
    assert refusal_of("invalid_input", "", 422, "", details).code == "invalid_input"


@pytest.mark.parametrize(
    ("text", "code", "kind", "correlation_id"),
    [
        (
            "type is not available (resource_unavailable, 4bc6f8)",
            "resource_unavailable",
            "capacity",
            "4bc6f8",
        ),
        ("server name is already used (uniqueness_error, a1)", "uniqueness_error", "taken", "a1"),
        ("error during placement (placement_error, 1234567)", "placement_error", "capacity", "1234567"),
        (OF_THE_FRAMEWORK, "locked", "transient", "c2"),
        (OF_AN_ACTION, "placement_error", "capacity", ""),
    ],
)
def test_a_refusal_is_found_in_an_error_of_the_provider(
    text: str, code: str, kind: str, correlation_id: str
) -> None:
    refusal = refusal_in(text)
    assert refusal is not None
    assert (refusal.code, refusal.kind, refusal.correlation_id) == (code, kind, correlation_id)


@pytest.mark.parametrize(
    "text", ["", "dial tcp: connection refused", "Invalid reference (on main.tf line 3)"]
)
def test_another_error_is_no_refusal_of_hetzner(text: str) -> None:
    assert refusal_in(text) is None
