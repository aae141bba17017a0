"""kvx as a program that waits for a cluster as long as a busy machine needs: patient_kvx.py ARGUMENT...

A person is told what came within 2.3 s. What is told of that is tested here, not how busy this machine is.
"""

from kvx.drivers.looking_at_cluster import look_at_cluster
from kvx.main import run

PATIENCE_SECONDS = 20.0

if __name__ == "__main__":
    look_at_cluster.__kwdefaults__["seconds"] = PATIENCE_SECONDS
    run()
