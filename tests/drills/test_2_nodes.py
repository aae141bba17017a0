"""What a person would look at by hand on each node: the tests of tests/nodes, on these."""

import os
import subprocess
import sys
from pathlib import Path

from drill import Drill

LOOKING = Path(__file__).parents[1] / "nodes"


def test_every_node_is_as_a_person_would_look_for(drill: Drill) -> None:
    looked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(LOOKING)],
        env=os.environ | {"KVX_NODES_INVENTORY": str(drill.inventory), "KVX_NODES_KEY": str(drill.key)},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    print(looked.stdout)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "skipped" not in looked.stdout
