"""An image as an OCI archive, kept by what it is made of. usage: archiving.py ARCHITECTURE NAME"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from workshop import ROOT, memory, opened, tools

REPOSITORY = "localhost"
TAG = "tests"
COMMON = ("docker", "requirements/builder.txt")
SERVICE = ("requirements/voice-api.txt", "voice_api")
SOURCES = {"voice-api": SERVICE, "voice-processor": SERVICE, "kvx": ("requirements/kvx.txt", "cli")}
KEPT = 3
"""So many of each image."""
UNUSED_SECONDS = 7 * 24 * 3600


def archive(architecture: str, image: str) -> Path:
    """Its path; the image in it is called localhost/IMAGE:tests."""
    name = f"{image}-archive-{hashlib.sha256(_made_of(architecture, image)).hexdigest()[:16]}"
    file = tools().parent / name / f"{image}-{architecture}.tar"
    if not file.exists():
        _build(architecture, image, file)
    file.parent.touch()
    _forget_old(tools().parent, image)
    return file


def _made_of(architecture: str, image: str) -> bytes:
    sources = (*COMMON, *SOURCES[image])
    words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *sources)
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    made_of = f"{architecture} {tools().name}\n".encode()
    for name in sorted(filter(None, listed.decode().split("\0"))):
        if (ROOT / name).is_file():
            made_of += f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n".encode()
    return made_of


def _build(architecture: str, image: str, file: Path) -> None:
    """First under another name beside it: what has the right name is whole."""
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kvx-images-") as place:
        made = Path(place) / "image.tar"
        with memory(Path(place)) as state, opened(Path(place), state) as workshop:
            output = f"type=oci,dest={made}"
            platform = f"linux/{architecture}"
            workshop.bake(TAG, names=(image,), output=output, REPOSITORY=REPOSITORY, PLATFORMS=platform)
        whole = Path(shutil.move(made, file.parent / f"{Path(place).name}.tar"))
        whole.rename(file)


def _forget_old(folder: Path, image: str) -> None:
    """Archives but for the newest, and what images were built with by a version of long ago."""
    newest_first = sorted(
        folder.glob(f"{image}-archive-*"), key=lambda each: each.stat().st_mtime, reverse=True
    )
    workshops = [each for each in folder.glob("images-*") if each != tools()]
    long_ago = [each for each in workshops if time.time() - each.stat().st_mtime > UNUSED_SECONDS]
    for old in (*newest_first[KEPT:], *long_ago):
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    print(archive(*sys.argv[1:]))
