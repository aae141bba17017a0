"""Somebody who types kvx in a folder, for the cluster of the node."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kvx.images.record import Proven, written
from kvx.images.reference import Reference

SECONDS = 400.0
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
        time.sleep(1)  # what was answered is written down just after
        lines = Path(self.node.audit_log).read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return [
            f"{each['verb']} {each['requestURI']}"
            for each in entries
            if str(each.get("userAgent", "")).startswith(AGENT)
            and each["verb"] not in {"get", "list", "watch"}
            and "dryRun=All" not in each["requestURI"]
            and not any(asked in each["requestURI"] for asked in ASKED)
        ]
