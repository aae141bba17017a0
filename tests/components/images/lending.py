"""Lends a builder to a kvx that has none: prints the variables to call it with, and ends with its input."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from workshop import Workshop, memory, opened, set_up_for_pip

PIP = {"pip": "KVX_IMAGES_PIP_FILE", "certificates": "KVX_IMAGES_CERTIFICATES"}


def variables(workshop: Workshop, folder: Path) -> Mapping[str, str]:
    programs = folder / "programs"
    programs.mkdir()
    (programs / "buildx").symlink_to(workshop.tools / "docker" / "cli-plugins" / "docker-buildx")
    files = {PIP[name]: str(file) for name, file in set_up_for_pip()}
    return files | {
        "KVX_IMAGES_BASE": workshop.base,
        "KVX_IMAGES_BUILDER_IMAGE": workshop.builder,
        "KVX_IMAGES_BUILDER": workshop.name,
        "BUILDX_CONFIG": workshop.environment["BUILDX_CONFIG"],
        "DOCKER_CONFIG": str(workshop.tools / "docker"),
        "PATH": str(programs),
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kvx-lent-") as place:
        folder = Path(place)
        with memory(folder) as state, opened(folder, state) as workshop:
            print(json.dumps(variables(workshop, folder)), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
