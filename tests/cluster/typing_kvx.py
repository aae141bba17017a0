"""Somebody who types kvx in a folder, for the cluster of the node."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kvx.images.record import Proven, written
from kvx.images.reference import Reference

SECONDS = 400.0
AUDIT_SECONDS = 60.0
AGENT = "kvx/"
# What is a question, though its verb is create.
ASKED = ("reviews", "/portforward", "/exec")


def proven(image: str) -> Proven:
    name, _, digest = image.partition("@")
    registry, _, repository = name.partition("/")
    return Proven(Reference(registry, repository, "tests", digest), "0123456789ab", {})


class Person:
    """Who types, and sees what comes of it."""

    def __init__(self, node: Any, folder: Path, image: str, **others: str) -> None:
        """`others` are images by their names, with low lines for dashes."""
        self.node, self.folder = node, folder
        images = {"voice-api": image, **{name.replace("_", "-"): each for name, each in others.items()}}
        kept = folder / ".kvx" / "cluster" / "images.json"
        kept.parent.mkdir(parents=True)
        kept.write_text(written({name: proven(each) for name, each in images.items()}))
        self.sets("")

    def sets(self, more: str) -> None:
        head = f'target = "cluster"\n[kubernetes]\nkubeconfig = "{self.node.kubeconfig}"\n'
        (self.folder / "kvx.toml").write_text(head + more)

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
        program = [sys.executable, "-c", "from kvx.main import run; run()", *arguments]
        return subprocess.run(
            program, cwd=self.folder, env=own, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def deploys(self) -> dict[str, Any]:
        """What the last line of --json says of a deploy that ended well."""
        done = self.types("deploy", "--from", "manifests", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def writes(self) -> list[str]:
        """All that kvx has changed in the cluster so far, as the API server has written it down."""
        entries = [json.loads(line) for line in self._audited().splitlines()]
        return [
            f"{each['verb']} {each['requestURI']}"
            for each in entries
            if str(each.get("userAgent", "")).startswith(AGENT)
            and each["verb"] not in {"get", "list", "watch"}
            and "dryRun=All" not in each["requestURI"]
            and not any(asked in each["requestURI"] for asked in ASKED)
        ]

    def _audited(self) -> str:
        """What was answered is written down just after: a call of our own comes last, and is waited for."""
        time.sleep(1)
        last = f"/api/v1/namespaces/last-{uuid4().hex}"  # nobody has it
        self.node.tried("delete", "--raw", last)
        end = time.monotonic() + AUDIT_SECONDS
        while last not in (text := "".join(Path(self.node.audit_log).read_text().rpartition("\n")[:2])):
            assert time.monotonic() < end, f"{last} is not in the audit log"
            time.sleep(0.2)
        return text
