"""A folder as an image of one layer. usage: archiving.py FOLDER ARCHIVE.tar"""

import hashlib
import io
import json
import struct
import sys
import tarfile
from pathlib import Path

NAME = "localhost/buildkit:tests"
MAY_SET_IDS = {"newuidmap": 7, "newgidmap": 6}
"""CAP_SETUID and CAP_SETGID, effective at once: capabilities(7)."""
OCI = "application/vnd.oci.image"
RUNS = {
    "User": "1000:1000",
    "Env": [
        "PATH=/usr/bin:/usr/sbin",
        "HOME=/home/user",
        "USER=user",
        "XDG_RUNTIME_DIR=/run/user/1000",
        "TMPDIR=/home/user/.local/tmp",
        "BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock",
    ],
    "Entrypoint": ["rootlesskit", "buildkitd"],
}


def archived(root: Path, archive: Path) -> None:
    """An OCI layout as a tar file, with one image for amd64."""
    blobs: dict[str, bytes] = {}

    def kept(content: bytes, kind: str) -> dict[str, object]:
        name = hashlib.sha256(content).hexdigest()
        blobs[name] = content
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{name}", "size": len(content)}

    layer = kept(_packed(root), "layer.v1.tar")
    configuration = {
        "os": "linux",
        "architecture": "amd64",
        "config": RUNS,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    config = kept(json.dumps(configuration).encode(), "config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": config,
        "layers": [layer],
    }
    image = kept(json.dumps(manifest).encode(), "manifest.v1+json")
    named = {**image, "annotations": {"io.containerd.image.name": NAME}}
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [named]}
    files = {f"blobs/sha256/{name}": content for name, content in blobs.items()}
    files |= {"index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    with tarfile.open(archive, "w") as whole:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            whole.addfile(member, io.BytesIO(content))


def _packed(root: Path) -> bytes:
    """Owners and links as they are, and what two programs may do that the user may not."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as packed:
        packed.add(root, ".", filter=_allowed)
    return file.getvalue()


def _allowed(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Debian's run as root, which a pod's root may not be enough for: the right to set ids is."""
    capability = MAY_SET_IDS.get(Path(member.name).name)
    if capability is not None:
        words = struct.pack("<5I", 0x02000001, 1 << capability, 0, 0, 0)
        member.pax_headers["SCHILY.xattr.security.capability"] = words.decode("utf-8", "surrogateescape")
        member.mode = 0o755
    return member


if __name__ == "__main__":
    archived(*map(Path, sys.argv[1:]))
