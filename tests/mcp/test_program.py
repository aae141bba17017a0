"""`voice-api mcp` speaks the protocol on its two pipes, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120


def talked(
    *lines: str, flags: tuple[str, ...] = ()
) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[str]]:
    command = [sys.executable, "-m", "voice_api", "mcp", "--kubeconfig", "none", *flags]
    text = "".join(f"{line}\n" for line in lines)
    ended = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    return [json.loads(line) for line in ended.stdout.splitlines()], ended


def message(identifier: int, method: str, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})


def test_an_agent_asks_about_the_demo_cluster() -> None:
    replies, ended = talked(
        message(
            1, "initialize", protocolVersion="2025-06-18", capabilities={"elicitation": {}}, clientInfo={}
        ),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "",
        message(2, "tools/call", name="count", arguments={"kind": "pods"}),
        "nonsense",
        "x" * 1_500_000,
        message(3, "tools/call", name="describe", arguments={"name": "checkout"}),
        message(4, "tools/call", name="restart", arguments={"name": "checkout"}),
    )
    assert ended.returncode == 0, ended.stderr
    begun, counted, wrong, too_long, described, restarted = replies
    assert begun["result"]["serverInfo"]["name"] == "kvx"
    assert "24" in counted["result"]["content"][0]["text"]
    assert (wrong["error"]["code"], too_long["error"]["code"]) == (-32700, -32600)
    assert described["result"]["structuredContent"]["data"]["cluster"] == {"name": "demo", "demo": True}
    assert restarted["result"]["isError"] is True


def test_a_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    replies, ended = talked(flags=("--key-file", str(tmp_path / "none")))
    assert (replies, ended.returncode) == ([], 2)
    assert "fix:" in ended.stderr


def test_who_is_not_known_is_not_let_in(tmp_path: Path) -> None:
    users = str(tmp_path / "users.json")
    add = [sys.executable, "-m", "voice_api", "user", "add", "ann", "--users-file", users]
    key = subprocess.run(add, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(key)
    bad.write_text(key.replace("kvx_", "kvx_0")[:-1])
    ask = message(1, "tools/call", name="who_am_i", arguments={})
    replies, _ = talked(ask, flags=("--users-file", users, "--key-file", str(good)))
    assert replies[0]["result"]["structuredContent"]["data"]["user"] == "ann"
    for flags in (("--users-file", users), ("--users-file", users, "--key-file", str(bad))):
        replies, ended = talked(ask, flags=flags)
        assert (replies, ended.returncode) == ([], 3)
        assert "not_authenticated" in ended.stderr or "refused" in ended.stderr
