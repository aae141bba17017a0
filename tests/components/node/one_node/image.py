"""An image with one program in it, as an archive that containerd takes.

usage: python -m one_node.image PROGRAM NAME OUT
"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path


def write(program: Path, name: str, out: Path) -> None:
    """The same program makes the same archive, to the byte."""
    layer = _archive({program.name: program.read_bytes()}, mode=0o755)
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = [{"Config": "configuration.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {"layer.tar": layer, "configuration.json": configuration}
    out.write_bytes(_archive({**files, "manifest.json": json.dumps(manifest).encode()}))


def _archive(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
