"""What kvx.toml wants of Hetzner becomes a fleet, and what cannot be is refused before anything is asked."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Place
from kvx.phases.fleet import account_of, backend_of, fleet_of, is_rehearsal, limits_of
from kvx.secret import Secret
from kvx.settings import HetznerSettings, PoolSettings, Settings
from kvx.steps.machines import Backend


def wish(**values: Any) -> Deployment:
    return Deployment("hetzner", Settings(Path("/somewhere"), hetzner=HetznerSettings(**values)))


def refused(deployment: Deployment) -> KvxError:
    with pytest.raises(KvxError) as caught:
        fleet_of(deployment)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.fix
    return caught.value


def test_without_a_word_it_is_one_control_plane_and_two_workers() -> None:
    fleet = fleet_of(wish())
    assert [node.name for node in fleet.nodes] == ["kvx-control-plane-1", "kvx-workers-1", "kvx-workers-2"]
    assert [pool.places for pool in fleet.pools] == [(Place("cax11", "nbg1"),), (Place("cax21", "nbg1"),)]
    assert fleet.allowed_addresses == ("caller",)
    assert fleet.handed_on.kubeconfig_path == "/somewhere/.kvx/hetzner/kubeconfig"


def test_pools_of_their_own_take_the_place_of_the_workers() -> None:
    pools = (
        PoolSettings(
            "web", 3, labels=("tier=front", "x.node.kubernetes.io/a="), taints=("edge=yes:NoSchedule",)
        ),
        PoolSettings("sound", 1, type="cax31", location="hel1", fallbacks=("cpx32@hel1",), volume_gb=25),
    )
    fleet = fleet_of(wish(pools=pools, fallbacks=("cax31@fsn1", "cax21@nbg1"), load_balancer="lb11"))
    assert [pool.name for pool in fleet.pools] == ["control-plane", "web", "sound"]
    web, sound = fleet.pools[1:]
    assert web.places == (Place("cax21", "nbg1"), Place("cax31", "fsn1"))
    assert web.labels == (("tier", "front"), ("x.node.kubernetes.io/a", ""))
    assert web.taints == ("edge=yes:NoSchedule",)
    assert sound.places == (Place("cax31", "hel1"), Place("cpx32", "hel1"))
    assert fleet.load_balancer == Place("lb11", "nbg1")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cluster": "Kvx"}, "hetzner.cluster is 'Kvx'"),
        ({"cluster": "-kvx"}, "hetzner.cluster is '-kvx'"),
        ({"cluster": "my_cluster"}, "hetzner.cluster is 'my_cluster'"),
        ({"cluster": "k" * 50}, "is too long for a machine and its address"),
        ({"control_planes": 2}, "hetzner.control_planes is 2"),
        ({"pools": (PoolSettings("a"), PoolSettings("a"))}, "no pool can be named a: another one is"),
        ({"pools": (PoolSettings("control-plane"),)}, "no pool can be named control-plane"),
        ({"pools": (PoolSettings("gateway"),)}, "no pool can be named gateway"),
        ({"pools": (PoolSettings("Web"),)}, "the name of a pool is 'Web'"),
        ({"pools": (PoolSettings("a", labels=("tier",)),)}, "has the label 'tier'"),
        ({"pools": (PoolSettings("a", labels=("tier=-",)),)}, "has the label 'tier=-'"),
        ({"pools": (PoolSettings("a", labels=("tier=x", "tier=y")),)}, "has the label tier twice"),
        ({"pools": (PoolSettings("a", labels=("a.k8s.io/b=c",)),)}, "a.k8s.io/b, and no node starts with it"),
        ({"pools": (PoolSettings("a", taints=("edge",)),)}, "has the taint 'edge'"),
        ({"pools": (PoolSettings("a", taints=("edge=yes:Never",)),)}, "has the taint 'edge=yes:Never'"),
        ({"pools": (PoolSettings("a", volume_gb=5),)}, "wants volumes of 5 GB"),
        ({"fallbacks": ("cax31",)}, "the fallback 'cax31' is no place"),
        ({"fallbacks": ("cax31 in fsn1",)}, "the fallback 'cax31 in fsn1' is no place"),
        ({"fallbacks": ("cpx22@ash",)}, "is not in eu-central, where the network is"),
        ({"pools": (PoolSettings("a", 60), PoolSettings("b", 60))}, "121 nodes are wanted"),
        ({"allowed_addresses": ()}, "nobody could reach the machines"),
        ({"allowed_addresses": ("home",)}, "hetzner.allowed_addresses holds 'home'"),
        ({"allowed_addresses": ("10.0.0.1/8",)}, "has host bits set"),
        ({"allowed_addresses": ("0.0.0.0/0",)}, "to the whole world"),
        ({"allowed_addresses": ("::/0",)}, "to the whole world"),
    ],
)
def test_what_cannot_be_is_refused_with_the_setting_named(values: dict[str, Any], said: str) -> None:
    assert said in refused(wish(**values)).message


def test_the_whole_world_gets_in_only_where_that_is_said_twice() -> None:
    fleet = fleet_of(wish(allowed_addresses=("0.0.0.0/0", "203.0.113.7"), open_to_the_world=True))
    assert fleet.allowed_addresses == ("0.0.0.0/0", "203.0.113.7/32")
    assert fleet.open_to_the_world


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), (" 2 m ", 120)]
)
def test_a_wait_is_a_duration_in_words(text: str, seconds: float) -> None:
    assert limits_of(HetznerSettings(wait_for_capacity=text)).wait_for_capacity_seconds == seconds


@pytest.mark.parametrize("text", ["soon", "", "30 minutes", "-5m", "1d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(KvxError, match="wait_for_capacity") as caught:
        limits_of(HetznerSettings(wait_for_capacity=text))
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_limit_of_money_is_exact() -> None:
    assert limits_of(HetznerSettings(max_monthly=38.82)).max_monthly == Decimal("38.82")


@pytest.mark.parametrize(
    "endpoint", ["http://api.example.com/v1", "ftp://127.0.0.1", "127.0.0.1:80", "https://"]
)
def test_the_token_is_sent_nowhere_unencrypted(endpoint: str) -> None:
    with pytest.raises(KvxError, match=r"hetzner\.endpoint") as caught:
        account_of(HetznerSettings(endpoint=endpoint))
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("endpoint", [None, "https://api.example.com/v1", "http://127.0.0.1:8080/v1"])
def test_encrypted_or_on_this_machine_an_endpoint_is_taken(endpoint: str | None) -> None:
    assert account_of(HetznerSettings(endpoint=endpoint)).endpoint == endpoint


def test_a_rehearsal_never_comes_near_the_bucket_of_real_machines() -> None:
    real = HetznerSettings(bucket="states", bucket_secret_key=Secret("hidden"))
    assert backend_of(real).bucket == "states"
    rehearsed = HetznerSettings(bucket="states", endpoint="http://127.0.0.1:8080/v1")
    assert is_rehearsal(rehearsed)
    assert backend_of(rehearsed) == Backend()
