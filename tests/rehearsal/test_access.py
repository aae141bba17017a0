"""Who may call: tokens, the rate limit, and what every answer carries."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

READONLY = "readonly".ljust(64, "x")


@pytest.mark.parametrize("token", ["", "short", "x" * 63, "invalid".ljust(64, "x")])
def test_an_unknown_token_is_refused(project: "Project", token: str) -> None:
    sent = project.send("GET", "/servers", token=token)
    assert sent.status == 401
    assert sent.body is not None
    assert sent.body["error"]["code"] == "unauthorized"


def test_a_readonly_token_may_look_and_not_touch(project: "Project") -> None:
    assert project.send("GET", "/servers", token=READONLY).status == 200
    sent = project.send("POST", "/placement_groups", {"name": "g", "type": "spread"}, token=READONLY)
    assert sent.status == 403
    assert sent.body is not None
    assert sent.body["error"]["code"] == "token_readonly"
    assert project.done("GET", "/placement_groups")["placement_groups"] == []


def test_every_answer_carries_a_correlation_id_of_its_own(project: "Project") -> None:
    sent = [
        project.send("GET", "/servers"),
        project.send("GET", "/nothing"),
        project.send("GET", "/x", token=""),
    ]
    assert len({each.headers["X-Correlation-Id"] for each in sent}) == 3


def test_calls_are_counted_down_and_come_back_one_a_second(project: "Project") -> None:
    left = [project.send("GET", "/servers").headers["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["3599", "3598", "3597"]
    project.later(2)
    headers = project.send("GET", "/servers").headers
    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("3600", "3598")
    assert float(headers["RateLimit-Reset"]) == project.clock.now + 2


def test_too_many_calls_are_refused_until_some_come_back(project: "Project") -> None:
    project.answering.use('{"rate_limit": {"remaining": 2}}')
    assert [project.send("GET", "/servers").status for _ in range(4)] == [200, 200, 429, 429]
    refused = project.send("GET", "/servers")
    assert refused.body is not None
    assert refused.body["error"]["code"] == "rate_limit_exceeded"
    assert f"for token '{'t' * 32}...' reached" in refused.body["error"]["message"]
    assert "t" * 32 not in str(project.answering.store.requests())
    assert project.send("GET", "/servers").headers["RateLimit-Remaining"] == "0"
    project.later(1)
    assert [project.send("GET", "/servers").status for _ in range(2)] == [200, 429]


def test_what_is_no_json_is_refused(project: "Project") -> None:
    for content in (b"{", b"[]"):
        request = project.request("POST", "/servers", content)
        assert project.answering.answer(request).status == 400


@pytest.mark.parametrize("path", ["/nothing", "/servers/1", "/servers/1/actions/dance", "/actions/1", "/"])
def test_what_is_not_there_is_not_found(project: "Project", path: str) -> None:
    assert project.code("GET", path) == "not_found"


@pytest.mark.parametrize("path", ["/datacenters", "/datacenters/1", "/actions"])
def test_what_was_removed_says_so(project: "Project", path: str) -> None:
    sent = project.send("GET", path)
    assert sent.status == 410
    assert sent.body is not None
    assert sent.body["error"]["code"] == "deprecated_api_endpoint"
    assert sent.body["error"]["details"]["announcement"]


def test_the_log_names_each_call_and_never_a_token(project: "Project") -> None:
    project.send("GET", "/servers?name=a")
    project.send("POST", "/servers", {"name": "secret-in-the-body"})
    first, second = project.answering.store.requests()
    assert (first["method"], first["path"], first["query"]) == ("GET", "/servers", [["name", "a"]])
    assert (second["status"], second["code"]) == (422, "invalid_input")
    assert "secret" not in str(second)
    assert "t" * 64 not in str([first, second])
