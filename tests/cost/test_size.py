"""200 nodes and 5,000 pods: told within two seconds of processor time and 150 MB, asking aside."""

import json
import subprocess
import sys

# In a process of its own, so that the memory is that of the report and not of the tests.
PROGRAM = """
import json, pathlib, time
from decimal import Decimal
from kvx.cost.as_json import as_json
from kvx.cost.cluster_reading import placed_pods, priced_nodes
from kvx.cost.history import History, Spell, Terms
from kvx.cost.prices import snapshot
from kvx.cost.report import Basis, report
from kvx.cost.sharing import shares
from kvx.cost.sighting import rate_of
from kvx.cost.times import Month

prices, month = snapshot(), Month(2026, 11)
def made(kind, number, what, size=0):
    terms = Terms(what, "nbg1", rate_of(kind, what, "nbg1", prices), Decimal(size))
    labels = {"kvx/cluster": "kvx", "kvx/pool": "workers", "kvx/node": f"workers-{number}"}
    begin = month.begin + number * 3600
    return History(kind, number, f"kvx-workers-{number}", labels, (Spell(begin, None, terms),))
histories = tuple(
    made(kind, number, what, size)
    for number in range(200)
    for kind, what, size in (("server", "cax41", 0), ("primary_ip", "ipv4", 0), ("volume", "", 50))
)
nodes = [
    {"metadata": {"name": f"kvx-workers-{n}"}, "status": {"allocatable": {"cpu": "16", "memory": "30Gi"}}}
    for n in range(200)
]
requests = {"cpu": "250m", "memory": "256Mi"}
pods = [
    {
        "metadata": {
            "namespace": f"n{n % 40}",
            "name": f"p-{n}",
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"w{n % 500}-7d4b9c6f5d"}],
        },
        "spec": {
            "nodeName": f"kvx-workers-{n % 200}",
            "containers": [{"resources": {"requests": requests}}],
        },
        "status": {"phase": "Running"},
    }
    for n in range(5000)
]
before = time.process_time()
shared = shares(priced_nodes(nodes, histories), placed_pods(pods, {}))
found = report(Basis(histories, prices, month, month.end - 60, month.end - 60), shared)
text = json.dumps(as_json(found))
seconds = time.process_time() - before
# Not getrusage, which goes on from what the process that started this one has used.
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
peak = int(status["VmHWM"].split()[0]) / 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak, "parts": len(shared.parts), "bytes": len(text)}))
"""


def test_a_large_cluster_is_told_quickly_and_in_little_memory() -> None:
    argv = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=170, check=True)
    found = json.loads(done.stdout)
    assert found["parts"] == 5200
    assert found["seconds"] < 6, found
    assert found["peak_mb"] < 150, found
