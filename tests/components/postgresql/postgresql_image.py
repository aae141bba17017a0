"""An image of PostgreSQL, of Debian's programs on this machine, as an archive that containerd takes.

It is told what to do by the variables of the image that everybody uses: POSTGRES_USER, POSTGRES_DB,
POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS and PGDATA.
"""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

NAME = "localhost/postgres:tests"
USER = 65532
PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_dump", "pg_restore", "createdb")
SHELL = ("/bin/sh", "/bin/mkdir", "/bin/cat", "/bin/chmod")
ZONES = ("UTC", "GMT", "Etc/UTC")
START = """#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    initdb --no-locale --encoding=UTF8 --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth-local=trust $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses= -k /var/run/postgresql" start
    createdb --host=/var/run/postgresql --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*' -k /var/run/postgresql
"""


def write(programs: Path, out: Path) -> None:
    """`programs` is the folder of one version, such as /usr/lib/postgresql/15/bin."""
    layer = _layer(programs)
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    configuration = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": ["/bin/sh", "/start"],
                "User": f"{USER}:{USER}",
                "Env": [f"PATH={programs}:/usr/bin:/bin", "PGHOST=/var/run/postgresql"],
                "StopSignal": "SIGINT",
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    kinds = "application/vnd.oci.image"
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{kinds}.manifest.v1+json",
            "config": _named(f"{kinds}.config.v1+json", configuration),
            "layers": [_named(f"{kinds}.layer.v1.tar+gzip", packed)],
        }
    )
    listed = _named(f"{kinds}.manifest.v1+json", manifest)
    listed["annotations"] = {"io.containerd.image.name": NAME}
    index = {"schemaVersion": 2, "manifests": [listed]}
    blobs = {f"blobs/sha256/{_digest(each)[7:]}": each for each in (packed, configuration, manifest)}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index), **blobs}
    with tarfile.open(out, "w") as archive:
        for name, content in files.items():
            _add(archive, name, content)


def _layer(programs: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, mode in (("tmp", 0o1777), ("var/run/postgresql", 0o1777), ("data", 0o777)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
        _add(archive, "start", START.encode(), 0o755)
        _add(archive, "etc/passwd", f"kvx:x:{USER}:{USER}::/tmp:/bin/sh\n".encode())
        _add(archive, "etc/group", f"kvx:x:{USER}:\n".encode())
        executables = [programs / each for each in PROGRAMS] + [Path(each) for each in SHELL]
        for path in dict.fromkeys((*executables, *_libraries(executables))):
            _add(archive, str(path).lstrip("/"), path.resolve().read_bytes(), 0o755)
        version = programs.parent.name
        for folder in (programs.parent / "lib", Path("/usr/share/postgresql") / version):
            archive.add(folder, str(folder).lstrip("/"), filter=_plain)
        for zone in ZONES:
            path = Path("/usr/share/zoneinfo") / zone
            _add(archive, str(path).lstrip("/"), path.resolve().read_bytes())
    return content.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without bitcode for a compiler that is not in the image."""
    return None if "/bitcode" in entry.name or "llvmjit" in entry.name else entry


def _libraries(executables: Iterable[Path]) -> list[Path]:
    """What the loader would load, and the loader itself."""
    told = subprocess.run(
        ["ldd", *map(str, executables)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    words = {word for line in told.splitlines() for word in line.split() if word.startswith("/")}
    return [Path(word) for word in sorted(words) if not word.endswith(":")]


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _named(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
