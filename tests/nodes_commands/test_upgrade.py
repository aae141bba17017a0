"""Which node goes to which version, in which order, and what is said before it is done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.commands.nodes_upgrade_letter import lines_of, plan_data
from kvx.drivers.node_care import play_for
from kvx.errors import KvxError
from kvx.nodes.inventory import Host, Inventory
from kvx.nodes.living import LivingNode
from kvx.nodes.overview import Overview, overview
from kvx.nodes.versions import Ascent, VersionError, ascent
from kvx.steps.node_care import RestoreNodes, UpgradeNodes
from kvx.steps.nodes import ConfigureNodes, NodesWanted

OLD, NEW = "v1.34.2+k3s1", "v1.34.3+k3s1"


def cluster(**versions: str) -> Overview:
    """Names that begin with s are servers; a version with a ! is of a node that was drained and left."""
    hosts = [Host(name, "server" if name[0] == "s" else "agent", "192.0.2.1") for name in versions]
    living = [alive(name, version) for name, version in versions.items()]
    return overview(Inventory("edge", "root", tuple(hosts), {}), living)


def alive(name: str, version: str) -> LivingNode:
    values: dict[str, Any] = {"ready": True, "reasons": (), "votes": None, "created": 0.0, "taints": ()}
    values |= {"address": None, "architecture": "arm64", "is_server": False}
    return LivingNode(
        name, version=version.rstrip("!"), schedulable=True, kept_free=version.endswith("!"), **values
    )


def names(way: Ascent) -> tuple[list[str], list[str], list[str]]:
    return [n.name for n in way.servers], [n.name for n in way.agents], [n.name for n in way.there]


def test_servers_and_agents_that_have_another_version_change_and_the_rest_is_there_already() -> None:
    way = ascent(cluster(s1=NEW, s2=OLD, a1=OLD, a2=NEW), NEW)
    assert names(way) == (["s2"], ["a1"], ["s1", "a2"])
    assert way.is_needed


def test_a_node_that_was_left_without_new_pods_gets_them_again() -> None:
    way = ascent(cluster(s1=NEW, a1=f"{NEW}!"), NEW)
    assert not way.is_needed
    assert [node.name for node in way.cordoned] == ["a1"]
    assert "  2. a1: let pods come again" in "\n".join(lines_of(cluster(), way, None, NEW, 1))


@pytest.mark.parametrize(
    ("has", "wanted", "why"),
    [
        (NEW, OLD, "does not go back"),
        ("v1.34.3+k3s2", "v1.34.3+k3s1", "does not go back"),
        ("v1.34.3+k3s1", "v1.34.3-rc2+k3s1", "does not go back"),
        (OLD, "v1.36.0+k3s1", "leaves a minor version out"),
        (OLD, "v2.34.2+k3s1", "leaves a minor version out"),
    ],
)
def test_a_step_that_kubernetes_does_not_allow_is_refused(has: str, wanted: str, why: str) -> None:
    with pytest.raises(VersionError, match=why) as refused:
        ascent(cluster(s1=wanted, a1=has), wanted)
    assert refused.value.message.startswith("a1 has ")
    assert refused.value.fix.startswith("kvx nodes ")


versions = st.builds("v1.{}.{}+k3s{}".format, st.integers(30, 33), st.integers(0, 12), st.integers(1, 3))


@given(versions, versions)
def test_an_allowed_step_never_goes_back_and_never_more_than_one_minor_version(has: str, wanted: str) -> None:
    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.removeprefix("v").replace("+k3s", ".").split(".")]

    allowed = numbers(has) <= numbers(wanted) and numbers(wanted)[1] - numbers(has)[1] <= 1
    try:
        way = ascent(cluster(a1=has), wanted)
    except VersionError:
        assert not allowed
    else:
        assert allowed
        assert way.is_needed == (has != wanted)


def test_the_letter_counts_the_steps_in_their_order() -> None:
    found = cluster(s1=NEW, s2=OLD, a1=OLD, a2=OLD, a3=OLD)
    assert lines_of(found, ascent(found, NEW), None, NEW, 2) == [
        "kvx nodes upgrade brings the cluster edge to k3s v1.34.3+k3s1.",
        "Nothing has been done yet.",
        "",
        "   1. save etcd: the snapshot is the way back",
        "   2. s2: v1.34.2+k3s1 becomes v1.34.3+k3s1",
        "   3. at once: a1: v1.34.2+k3s1 becomes v1.34.3+k3s1",
        "               a2: v1.34.2+k3s1 becomes v1.34.3+k3s1",
        "   4. a3: v1.34.2+k3s1 becomes v1.34.3+k3s1",
        "      s1: there already",
        "",
        "Each is drained first, and must be ready with that version before the next one's",
        "turn. It stops at the first that fails, and the same command goes on there.",
    ]


def test_the_letter_says_that_versions_are_not_known_where_kubernetes_does_not_answer() -> None:
    wrong = KvxError("the API server at 192.0.2.1:6443 cannot be reached", "")
    said = "\n".join(lines_of(cluster(), None, wrong, NEW, 1))
    assert "the API server at 192.0.2.1:6443 cannot be reached." in said
    assert "First etcd is saved" in said


def test_the_letter_names_who_is_not_ready_before_it_begins() -> None:
    found = cluster(s1=OLD, a1=OLD)
    away = replace(found.nodes[1].living, ready=False, reasons=("it has not been heard of",))
    found = overview(
        Inventory("edge", "root", tuple(filter(None, (n.host for n in found.nodes))), {}), [away]
    )
    assert "a1 is not ready: it has not been heard of." in lines_of(found, ascent(found, NEW), None, NEW, 1)


def test_programs_are_told_who_changes_from_which_version() -> None:
    found = cluster(s1=NEW, a1=OLD)
    data = plan_data(found, ascent(found, NEW), NEW, 1)
    assert data["agents"] == [{"name": "a1", "version": OLD}]
    assert (data["servers"], data["there"], data["answered"]) == ([], ["s1"], True)


@pytest.fixture
def configure(tmp_path: Path) -> ConfigureNodes:
    (tmp_path / "ssh").mkdir()
    key = tmp_path / "ssh" / "id_ed25519"
    key.write_text("a key")
    key.chmod(0o600)
    return ConfigureNodes(
        tmp_path, tmp_path / "ansible", key, NodesWanted({"k3s_version": OLD, "base_timezone": "UTC"})
    )


def test_upgrade_yml_is_told_all_that_site_yml_is_and_the_version_that_is_wanted(
    configure: ConfigureNodes,
) -> None:
    play = play_for(UpgradeNodes(configure, NEW, agents_at_once=3, deadline_seconds=77))
    assert (play.playbook.name, play.deadline_seconds) == ("upgrade.yml", 77)
    assert play.variables["k3s_version"] == NEW
    assert play.variables["k3s_upgrade_agents_at_once"] == 3
    assert play.variables["base_timezone"] == "UTC"
    assert play.variables["ansible_ssh_private_key_file"] == str(configure.key)


def test_restore_yml_is_told_the_snapshot_where_it_lies_and_that_it_is_meant(
    configure: ConfigureNodes,
) -> None:
    play = play_for(RestoreNodes(configure, "edge", "before-upgrade", from_bucket=True))
    assert play.playbook.name == "restore.yml"
    assert play.variables["k3s_restore_snapshot"] == "before-upgrade"
    assert play.variables["k3s_restore_confirmed"] == "edge"
    assert play.variables["k3s_restore_from_bucket"] is True
