"""A folder whose machines were handed over."""

import sys
from pathlib import Path

import pytest
import yaml

INVENTORY = """
all:
  vars: {ansible_user: root, cluster_name: edge, subnet_range: 10.0.1.0/24}
  children:
    k3s_server: {children: {pool_control_plane: {}}}
    k3s_agent: {children: {pool_workers: {}}}
    pool_control_plane:
      hosts:
        edge-control-plane-1: {ansible_host: 127.0.0.2, private_ip: 10.0.1.3, pool: control-plane}
    pool_workers:
      hosts:
        edge-workers-1: {ansible_host: 127.0.0.3, private_ip: 10.0.1.4, pool: workers}
"""


@pytest.fixture
def handed_over(tmp_path: Path) -> Path:
    """The folder that provision has handed over."""
    folder = tmp_path / ".kvx" / "hetzner"
    folder.mkdir(parents=True)
    (folder / "inventory.yaml").write_text(INVENTORY)
    return folder


@pytest.fixture
def local_nodes(handed_over: Path) -> Path:
    """The folder that provision has handed over, for nodes that are all this machine."""
    path = handed_over / "inventory.yaml"
    inventory = yaml.safe_load(path.read_text())
    interpreter = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory["all"]["vars"] |= {**interpreter, "ansible_become": False}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False))
    (handed_over / "ssh").mkdir()
    (handed_over / "ssh" / "id_ed25519").write_text("not used: nothing is reached by SSH here\n")
    (handed_over / "ssh" / "id_ed25519").chmod(0o600)
    return handed_over
