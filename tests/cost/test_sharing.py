"""Whose a node's price is: pods by the larger of request and use, idle on its own line, nothing lost."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.cost.cluster_reading import placed_pods, priced_nodes, requested, used_by_pods
from kvx.cost.packing import Room, all_fit, fit_with_one_down
from kvx.cost.sharing import IDLE, PlacedPod, PricedNode, shares

GB = Decimal(2**30)


def node(name: str = "a", monthly: str | None = "10.00") -> PricedNode:
    return PricedNode(name, Decimal(4), 8 * GB, None if monthly is None else Decimal(monthly))


def pod(name: str, cores: str, gigabytes: str, on: str = "a", workload: str = "w") -> PlacedPod:
    return PlacedPod("shop", workload, name, on, Decimal(cores), Decimal(gigabytes) * GB)


def test_half_of_the_price_is_for_cores_and_half_for_memory() -> None:
    # 1 of 4 cores: 1.25; 4 of 8 GB: 2.50
    found = shares([node()], [pod("p", "1", "4")])
    assert [(each.pod, each.monthly) for each in found.parts] == [
        ("p", Decimal("3.7500")),
        (IDLE, Decimal("6.2500")),
    ]
    assert found.idle == Decimal("6.2500")


def test_pods_that_take_more_than_there_is_share_the_node_and_leave_nothing_idle() -> None:
    found = shares([node()], [pod("p", "6", "12"), pod("q", "2", "4")])
    assert found.by(lambda part: part.pod) == {
        IDLE: Decimal("0.0000"),
        "p": Decimal("7.5000"),
        "q": Decimal("2.5000"),
    }


def test_a_node_without_a_price_leaves_no_total() -> None:
    assert shares([node(), node("b", None)], [pod("p", "1", "1", "b")]).monthly is None


amounts = st.decimals(0, 9, places=2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.decimals(0, 100, places=2), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 4), amounts, amounts), max_size=12),
)
def test_the_parts_of_all_nodes_are_their_prices_and_none_is_negative(
    prices: list[Decimal], wishes: list[tuple[int, Decimal, Decimal]]
) -> None:
    nodes = [PricedNode(str(number), Decimal(4), 8 * GB, price) for number, price in enumerate(prices)]
    pods = [
        PlacedPod("n", "w", f"p{number}", str(where), cores, gigabytes * GB)
        for number, (where, cores, gigabytes) in enumerate(wishes)
    ]
    found = shares(nodes, pods)
    assert found.monthly == sum(prices)
    assert all(part.monthly is not None and part.monthly >= 0 for part in found.parts)


def test_a_pod_counts_by_the_larger_of_request_and_use() -> None:
    pods = [
        {
            "metadata": {
                "namespace": "shop",
                "name": "web-1",
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d4b9c6f5d"}],
            },
            "spec": {
                "nodeName": "a",
                "containers": [{"resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}}],
            },
        },
        {
            "metadata": {"namespace": "shop", "name": "over"},
            "spec": {"nodeName": "a"},
            "status": {"phase": "Succeeded"},
        },
        {"metadata": {"namespace": "shop", "name": "waits"}, "spec": {}},
    ]
    usage = [
        {
            "metadata": {"namespace": "shop", "name": "web-1"},
            "containers": [{"usage": {"cpu": "700000000n", "memory": "512Mi"}}],
        }
    ]
    (found,) = placed_pods(pods, used_by_pods(usage))
    assert (found.workload, found.cores, found.memory) == ("Deployment/web", Decimal("0.7"), GB)


def test_what_is_set_aside_is_all_containers_or_the_largest_before_them() -> None:
    spec = {
        "initContainers": [
            {"resources": {"requests": {"cpu": "2", "memory": "1Gi"}}},
            {"restartPolicy": "Always", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
        ],
        "containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
        "overhead": {"cpu": "10m"},
    }
    assert requested(spec) == (Decimal("2.01"), 2 * GB)


def test_a_node_that_is_no_server_here_has_no_price() -> None:
    nodes = [{"metadata": {"name": "elsewhere"}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}]
    assert priced_nodes(nodes, ())[0].monthly is None


def test_pods_fit_where_each_finds_room_also_with_one_node_down() -> None:
    rooms = [Room(name, Decimal(4), 8 * GB) for name in "abc"]
    assert all_fit([pod(str(number), "3", "1") for number in range(3)], rooms)
    assert not all_fit([pod(str(number), "3", "1") for number in range(4)], rooms)
    assert fit_with_one_down([pod("p", "3", "1"), pod("q", "3", "1")], rooms)
    assert not fit_with_one_down([pod(str(number), "3", "1") for number in range(3)], rooms)
    assert not fit_with_one_down([], rooms[:1])
