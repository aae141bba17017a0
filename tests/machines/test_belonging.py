"""What cleanup may touch: ours by label, or made by our own controllers; nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from kvx.machines.belonging import belonging
from kvx.machines.catalogue import Live, Resource

OURS = {"kvx/cluster": "kvx"}
NETWORK = Resource("network", 1, "kvx", OURS)
SERVER = Resource("server", 2, "kvx-workers-1", OURS, attached_to=frozenset({("network", 1)}))
FOREIGN_NETWORK = Resource("network", 90, "office", {})
FOREIGN_SERVER = Resource("server", 91, "shop", {}, attached_to=frozenset({("network", 90)}))
HERE = (NETWORK, SERVER, FOREIGN_NETWORK, FOREIGN_SERVER)


def kinds(*more: Resource) -> dict[str, set[str]]:
    found = belonging(Live("kvx", (*HERE, *more)))
    return {
        name: {each.name for each in getattr(found, name)}
        for name in ("ours", "made_by_controllers", "in_doubt", "strangers")
    }


def balancer(**more: object) -> Resource:
    labels = {"hcloud-ccm/service-uid": "u-1"}
    return Resource("load_balancer", 10, "a1b2", **{"labels": labels, **more})  # type: ignore[arg-type]


def volume(**more: object) -> Resource:
    labels = {"managed-by": "csi-driver"}
    return Resource("volume", 11, "pvc-1", **{"labels": labels, **more})  # type: ignore[arg-type]


def autoscaled(**more: object) -> Resource:
    labels = {"hcloud/node-group": "burst"}
    return Resource("server", 12, "burst-1", **{"labels": labels, **more})  # type: ignore[arg-type]


def test_the_label_makes_it_ours() -> None:
    found = kinds()
    assert found["ours"] == {"kvx", "kvx-workers-1"}
    assert not found["made_by_controllers"]
    assert not found["strangers"]


def test_a_balancer_of_the_controller_in_our_network_or_on_our_server_goes() -> None:
    for tie in (("network", 1), ("server", 2)):
        assert kinds(balancer(attached_to=frozenset({tie})))["made_by_controllers"] == {"a1b2"}


def test_a_balancer_of_another_cluster_stays() -> None:
    found = kinds(balancer(attached_to=frozenset({("network", 90)})))
    assert not found["made_by_controllers"]
    assert not found["in_doubt"]


def test_a_balancer_somebody_put_into_our_network_by_hand_stays() -> None:
    assert not kinds(balancer(labels={}, attached_to=frozenset({("network", 1)})))["made_by_controllers"]


def test_a_volume_of_the_driver_on_our_server_goes() -> None:
    tie = frozenset({("server", 2)})
    assert kinds(volume(attached_to=tie))["made_by_controllers"] == {"pvc-1"}
    assert kinds(volume(labels={}, attached_to=tie))["made_by_controllers"] == {"pvc-1"}


def test_a_volume_on_an_autoscaled_server_goes_with_it() -> None:
    server = autoscaled(attached_to=frozenset({("network", 1)}))
    found = kinds(server, volume(attached_to=frozenset({("server", 12)})))
    assert found["made_by_controllers"] == {"burst-1", "pvc-1"}


def test_an_autoscaled_server_of_another_network_stays() -> None:
    assert not kinds(autoscaled(attached_to=frozenset({("network", 90)})))["made_by_controllers"]


def test_what_hangs_on_nothing_is_only_named() -> None:
    found = kinds(volume(), balancer())
    assert found["in_doubt"] == {"pvc-1", "a1b2"}
    assert not found["made_by_controllers"]


def test_a_name_like_ours_without_a_label_is_a_stranger() -> None:
    found = kinds(Resource("server", 13, "kvx-old", {"team": "web"}))
    assert found["strangers"] == {"kvx-old"}
    assert "kvx-old" not in found["ours"]


def test_another_cluster_whose_name_begins_like_ours_is_nobodys_business() -> None:
    found = kinds(Resource("server", 13, "kvx-demo-workers-1", {"kvx/cluster": "kvx-demo"}))
    assert not found["strangers"]
    assert "kvx-demo-workers-1" not in found["ours"]


labels = st.dictionaries(
    st.sampled_from(["kvx/cluster", "managed-by", "hcloud-ccm/service-uid", "hcloud/node-group", "team"]),
    st.sampled_from(["kvx", "kvx2", "csi-driver", "x"]),
)
ties = st.frozensets(st.tuples(st.sampled_from(["network", "server"]), st.sampled_from([1, 2, 90, 91])))
resources = st.builds(
    Resource,
    kind=st.sampled_from(["server", "volume", "load_balancer", "image", "primary_ip"]),
    id=st.integers(100, 999),
    name=st.sampled_from(["kvx", "kvx-1", "pvc-7", "shop"]),
    labels=labels,
    attached_to=ties,
)


@given(st.lists(resources, max_size=8, unique_by=lambda each: each.id))
def test_nothing_is_touched_that_is_neither_labelled_nor_tied_to_ours(some: list[Resource]) -> None:
    found = belonging(Live("kvx", (*HERE, *some)))
    for each in found.all_ours:
        assert each.is_of("kvx") or each.attached_to
    assert FOREIGN_SERVER not in found.all_ours
    for each in found.made_by_controllers:
        assert {"managed-by", "hcloud-ccm/service-uid", "hcloud/node-group"} & set(each.labels) or (
            each.name.startswith("pvc-")
        )
    parts = [*found.all_ours, *found.in_doubt, *found.strangers]
    assert len(parts) == len({(each.kind, each.id) for each in parts})
