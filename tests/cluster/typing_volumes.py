"""A folder of the node as a volume for one claim: nothing on the node makes volumes by itself."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = 65532


@contextmanager
def volume_for(node: Any, claim: str, size: str) -> Iterator[Path]:
    """The folder, which belongs to the user that everything of kvx runs as."""
    folder = Path(node.place.folder) / "volumes" / claim
    folder.mkdir(parents=True)
    subprocess.run(["chown", f"{USER}:{USER}", folder], check=True)
    name = f"kvx-trial-{claim}"
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": "kvx", "name": claim},
        "hostPath": {"path": str(folder), "type": "Directory"},
    }
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
    node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(made))
    try:
        yield folder
    finally:
        node.kubectl("delete", "persistentvolume", name, "--ignore-not-found")
