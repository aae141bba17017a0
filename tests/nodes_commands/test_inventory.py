"""The inventory as Terraform hands it over, read back: roles, groups, and what is wrong with a bad one."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvx.drivers.inventory import read_inventory
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Host, Inventory, InventoryError, parsed

# As terraform/inventory.tf writes it for a cluster with a gateway and two pools.
HANDED_OVER = """
all:
  vars: {ansible_user: root, cluster_name: edge, subnet_range: 10.0.1.0/24}
  children:
    k3s_server: {children: {pool_control_plane: {}}}
    k3s_agent: {children: {pool_big_ones: {}, pool_workers: {}}}
    pool_big_ones: {hosts: {edge-big-ones-1: {ansible_host: 10.0.1.5, pool: big-ones}}}
    pool_control_plane:
      hosts:
        edge-control-plane-1: {ansible_host: 10.0.1.3, private_ip: 10.0.1.3, jump_host: 203.0.113.1,
          pool: control-plane, server_type: cax11, location: nbg1, architecture: arm64}
    pool_gateway: {hosts: {edge-gateway-1: {ansible_host: 203.0.113.1, pool: gateway}}}
    pool_workers:
      hosts:
        edge-workers-1: {ansible_host: 10.0.1.6, pool: workers}
        edge-workers-2: {ansible_host: 10.0.1.7, pool: workers}
"""


@pytest.fixture
def inventory() -> Inventory:
    return parsed(HANDED_OVER)


def names(hosts: tuple[Host, ...]) -> list[str]:
    return [host.name for host in hosts]


def test_servers_stand_first_and_the_gateway_last(inventory: Inventory) -> None:
    workers = ["edge-workers-1", "edge-workers-2"]
    assert names(inventory.hosts) == [
        "edge-control-plane-1",
        "edge-big-ones-1",
        *workers,
        "edge-gateway-1",
    ]
    assert [host.role for host in inventory.hosts] == ["server", "agent", "agent", "agent", "gateway"]


def test_a_host_says_what_it_is_and_how_it_is_reached(inventory: Inventory) -> None:
    server = inventory.servers[0]
    assert (server.address, server.private_address, server.jump_host) == (
        "10.0.1.3",
        "10.0.1.3",
        "203.0.113.1",
    )
    assert (server.pool, server.place, server.architecture) == ("control-plane", "cax11@nbg1", "arm64")
    assert (inventory.cluster, inventory.user) == ("edge", "root")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("edge-workers-2", ["edge-workers-2"]),
        ("workers", ["edge-workers-1", "edge-workers-2"]),
        ("pool_workers", ["edge-workers-1", "edge-workers-2"]),
        ("big-ones", ["edge-big-ones-1"]),
        ("servers", ["edge-control-plane-1"]),
        ("k3s_server", ["edge-control-plane-1"]),
        ("agents", ["edge-big-ones-1", "edge-workers-1", "edge-workers-2"]),
        ("gateway", ["edge-gateway-1"]),
    ],
)
def test_hosts_are_chosen_by_name_pool_or_group(inventory: Inventory, word: str, meant: list[str]) -> None:
    assert names(inventory.chosen([word])) == meant


def test_all_are_chosen_where_nothing_is_named(inventory: Inventory) -> None:
    assert inventory.chosen([]) == inventory.chosen(["all"]) == inventory.hosts


def test_a_host_that_two_words_mean_is_chosen_once(inventory: Inventory) -> None:
    assert names(inventory.chosen(["workers", "edge-workers-1"])) == ["edge-workers-1", "edge-workers-2"]


def test_a_word_that_means_nobody_is_refused_with_what_was_near(inventory: Inventory) -> None:
    with pytest.raises(KeyError):
        inventory.chosen(["worker"])
    assert inventory.nearest("worker")[0] == "workers"
    assert inventory.nearest("x") == inventory.names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("all: [", "it is not YAML: line 1"),
        ("- a", "the file is no table"),
        ("", "it has no group k3s_server"),
        ("all: {children: {k3s_server: {}}}", "it has no group k3s_agent"),
        ("all: {children: {k3s_server: {}, k3s_agent: {}}}", "all.vars has no cluster_name"),
        (
            "all: {children: {k3s_server: {children: {a: {}}}, k3s_agent: {}}}",
            "the group a is named and not there",
        ),
        (
            "all: {children: {k3s_server: {children: {a: {}}}, a: {children: {a: {}}}, k3s_agent: {}}}",
            "the group a is in itself",
        ),
        (
            "all: {vars: {cluster_name: c}, children: {k3s_server: {hosts: {h: {}}}, k3s_agent: {}}}",
            "the host h has no ansible_host",
        ),
        ("all: {children: {k3s_server: {hosts: {h: 1}}, k3s_agent: {}}}", "the host h is no table"),
    ],
)
def test_what_is_no_inventory_is_said_with_the_place(text: str, why: str) -> None:
    with pytest.raises(InventoryError, match=f"^{why}$"):
        parsed(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "vars", "children", "hosts", "k3s_server", "k3s_agent", "pool_a", "h"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(values)
def test_any_other_yaml_is_refused_in_words_and_never_by_accident(document: object) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    with suppress(InventoryError):
        assert parsed(text).hosts is not None


def test_no_machines_yet_and_a_damaged_inventory_are_two_things(tmp_path: Path) -> None:
    with pytest.raises(KvxError) as missing:
        read_inventory(tmp_path)
    (tmp_path / "inventory.yaml").write_text("all: 1")
    with pytest.raises(KvxError) as damaged:
        read_inventory(tmp_path)
    assert (missing.value.exit_code, damaged.value.exit_code) == (ExitCode.MISSING, ExitCode.INCOMPLETE)
    assert damaged.value.message.endswith("all is no table")
    assert "kvx terraform" in missing.value.fix
    assert "kvx terraform" in damaged.value.fix
