"""kvx images as a person types it, with a kvx.toml for the workshop's builder and registry."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from workshop import ROOT, Workshop, set_up_for_pip

KVX = [sys.executable, "-c", "from kvx.main import run; run()"]
SECONDS = 1_400
PARTS = ("cli", "docker", "requirements", "voice_api")
Ended = subprocess.CompletedProcess[str]


def cloned(folder: Path) -> Path:
    """These sources as they are, what is not committed too, at another place and of another time."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True, timeout=120)
    words = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard", "--", *PARTS]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout.decode()
    for name in filter(None, listed.split("\0")):
        (folder / name).unlink(missing_ok=True)
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@dataclass(frozen=True)
class User:
    """Somebody with a clone of kvx; `docker` is their configuration of Docker, with logins."""

    folder: Path
    clone: Path
    workshop: Workshop

    @property
    def kept(self) -> Path:
        return self.folder / ".kvx" / "cluster" / "images.json"

    @property
    def log(self) -> Path:
        return self.folder / ".kvx" / "cluster" / "images" / "build-voice-api.log"

    @property
    def docker(self) -> Path:
        return self.folder / "docker" / "config.json"

    def types(self, *words: str, **changed: object) -> Ended:
        """`user.types("images", builder="gone")`: what kvx says, by these settings of [images]."""
        with self.begins(*words, **changed) as process:
            output, talk = process.communicate(timeout=SECONDS)
        return Ended(process.args, process.returncode, output, talk)

    def begins(self, *words: str, **changed: object) -> "subprocess.Popen[str]":
        """The same, and it still runs."""
        self._set_up(changed)
        return subprocess.Popen(
            [*KVX, *words, "--target", "cluster"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _set_up(self, changed: dict[str, object]) -> None:
        files = {"pip": "pip_file", "certificates": "certificates"}
        given: dict[str, Any] = {files[name]: str(file) for name, file in set_up_for_pip()}
        given |= {"repository": f"{self.workshop.registry}/phase", "base": self.workshop.base}
        given |= {"builder": "tests", "builder_image": self.workshop.builder, "allow_dirty": True}
        components = json.dumps(changed.pop("components", []))
        lines = [f"{name} = {json.dumps(value)}" for name, value in {**given, **changed}.items()]
        kubernetes = f"[kubernetes]\ncomponents = {components}\n"
        (self.folder / "kvx.toml").write_text("[images]\n" + "\n".join(lines) + f"\n{kubernetes}")
        if not self.docker.exists():
            self.docker.parent.mkdir(parents=True)
            self.docker.write_text("{}")
            plugins = self.docker.with_name("cli-plugins")
            plugins.symlink_to(self.workshop.tools / "docker" / "cli-plugins")

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
        own["PYTHONPATH"] = str(self.clone / "cli")
        own["BUILDX_CONFIG"] = self.workshop.environment["BUILDX_CONFIG"]
        return {**own, "DOCKER_CONFIG": str(self.docker.parent)}
