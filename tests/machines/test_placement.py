"""Where nodes go: in the order of the fallbacks, and never away from where they live."""

from dataclasses import replace

import pytest

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Catalogue, Live, Resource
from kvx.machines.fleet import Fleet, Place, Pool
from kvx.machines.placement import Placed, Placement, decide

NOTHING = Live("kvx")


def place(text: str) -> Place:
    return Place(*text.split("@"))


def without(catalogue: Catalogue, *gone: str) -> Catalogue:
    """The catalogue after these places are out of stock."""
    types = dict(catalogue.server_types)
    for each in map(place, gone):
        kind = types[each.type]
        types[each.type] = replace(kind, locations={**kind.locations, each.location: False})
    return replace(catalogue, server_types=types)


def living(key: str, at: str, **more: object) -> Resource:
    labels = {"kvx/cluster": "kvx", "kvx/node": key}
    found = Resource("server", 7, f"kvx-{key}", labels, status="running", architecture="arm", size_gb=80)
    return replace(found, type=place(at).type, location=place(at).location, **more)  # type: ignore[arg-type]


def workers(fleet: Fleet, **more: object) -> Fleet:
    control_plane, pool = fleet.pools
    return replace(fleet, pools=(control_plane, replace(pool, **more)))  # type: ignore[arg-type]


def where(placement: Placement) -> list[str]:
    return [str(each.place) for each in placement.nodes.values()]


def test_what_is_in_stock_is_taken_where_it_is_wanted(fleet: Fleet, catalogue: Catalogue) -> None:
    placement = decide(fleet, catalogue, NOTHING)
    assert where(placement) == ["cax11@nbg1", "cax21@nbg1", "cax21@nbg1"]
    assert placement.notes == ()
    assert placement.architectures == ("arm64",)


@pytest.mark.parametrize(
    ("gone", "taken"),
    [
        (("cax21@nbg1",), "cax21@hel1"),
        (("cax21@nbg1", "cax21@hel1"), "cax31@fsn1"),
        (("cax21@nbg1", "cax21@hel1", "cax31@fsn1"), "cpx22@nbg1"),
    ],
)
def test_fallbacks_are_taken_in_their_order(
    gone: tuple[str, ...], taken: str, fleet: Fleet, catalogue: Catalogue
) -> None:
    placement = decide(fleet, without(catalogue, *gone), NOTHING)
    assert where(placement)[1:] == [taken, taken]
    assert f"workers-1, workers-2: {taken} instead of cax21@nbg1 (out of stock)" in placement.notes


def test_a_place_that_was_just_refused_is_crossed_out(fleet: Fleet, catalogue: Catalogue) -> None:
    placement = decide(fleet, catalogue, NOTHING, frozenset({place("cax21@nbg1")}))
    assert where(placement)[1:] == ["cax21@hel1", "cax21@hel1"]
    assert "Hetzner has just had none there" in placement.notes[0]


def test_an_x86_fallback_is_told_to_the_images(fleet: Fleet, catalogue: Catalogue) -> None:
    placement = decide(fleet, without(catalogue, "cax21@nbg1", "cax21@hel1", "cax31@fsn1"), NOTHING)
    assert placement.architectures == ("amd64", "arm64")
    assert "workers-1, workers-2: x86, so images and manifests have to hold amd64 too" in placement.notes


def test_where_no_fallbacks_are_wanted_none_is_tried(fleet: Fleet, catalogue: Catalogue) -> None:
    alone = workers(fleet, places=(place("cax21@nbg1"),), elsewhere=False)
    with pytest.raises(KvxError) as refusal:
        decide(alone, without(catalogue, "cax21@nbg1"), NOTHING)
    assert refusal.value.exit_code is ExitCode.NO_CAPACITY


def test_without_named_fallbacks_the_other_locations_of_the_zone_are_tried(
    fleet: Fleet, catalogue: Catalogue
) -> None:
    alone = workers(fleet, places=(place("cax21@nbg1"),))
    assert where(decide(alone, without(catalogue, "cax21@nbg1"), NOTHING))[1:] == ["cax21@fsn1"] * 2
    nowhere = without(catalogue, "cax21@nbg1", "cax21@fsn1", "cax21@hel1")
    with pytest.raises(KvxError) as refusal:
        decide(alone, nowhere, NOTHING)
    assert refusal.value.exit_code is ExitCode.NO_CAPACITY
    assert "cax21@nbg1: out of stock; cax21@fsn1: out of stock; cax21@hel1" in refusal.value.message


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("cax21@ash", "us-east"),
        ("cax21@mars1", "no location mars1"),
        ("cax12@nbg1", "no server type cax12"),
    ],
)
def test_a_place_that_can_never_be_is_wrong_usage(
    wrong: str, words: str, fleet: Fleet, catalogue: Catalogue
) -> None:
    with pytest.raises(KvxError, match=words) as refusal:
        decide(workers(fleet, places=(place("cax21@nbg1"), place(wrong))), catalogue, NOTHING)
    assert refusal.value.exit_code is ExitCode.USAGE


def test_a_load_balancer_outside_the_zone_is_refused(fleet: Fleet, catalogue: Catalogue) -> None:
    with pytest.raises(KvxError, match="us-west"):
        decide(replace(fleet, load_balancer=place("lb11@hil")), catalogue, NOTHING)


def test_a_place_without_the_image_for_its_architecture_is_passed_over(
    fleet: Fleet, catalogue: Catalogue
) -> None:
    only_x86 = replace(catalogue, images=frozenset({("debian-12", "x86")}))
    x86_control_plane = replace(fleet.pools[0], places=(place("cx23@nbg1"),))
    placement = decide(replace(fleet, pools=(x86_control_plane, fleet.pools[1])), only_x86, NOTHING)
    assert where(placement) == ["cx23@nbg1", "cpx22@nbg1", "cpx22@nbg1"]
    assert "there is no image debian-12 for arm" in placement.notes[0]


def test_what_lives_keeps_its_place_though_it_is_out_of_stock(fleet: Fleet, catalogue: Catalogue) -> None:
    live = Live("kvx", (living("workers-1", "cax21@hel1"),))
    everything_gone = without(catalogue, "cax21@hel1")
    placement = decide(fleet, everything_gone, live, frozenset({place("cax21@hel1")}))
    assert where(placement) == ["cax11@nbg1", "cax21@hel1", "cax21@nbg1"]
    assert "workers-1: stays at cax21@hel1, where it lives" in placement.notes


@pytest.mark.parametrize("stranger", [{"labels": {"kvx/node": "workers-1"}}, {"status": "deleting"}])
def test_only_a_living_server_of_ours_holds_its_place(
    stranger: dict[str, object], fleet: Fleet, catalogue: Catalogue
) -> None:
    live = Live("kvx", (living("workers-1", "cax21@hel1", **stranger),))
    assert where(decide(fleet, catalogue, live))[1] == "cax21@nbg1"


def test_another_type_is_a_rescale_where_the_server_stands(fleet: Fleet, catalogue: Catalogue) -> None:
    live = Live("kvx", (living("workers-1", "cax21@hel1"),))
    larger = workers(fleet, places=(place("cax31@nbg1"), place("cax31@hel1")))
    placement = decide(larger, catalogue, live)
    assert where(placement)[1:] == ["cax31@hel1", "cax31@nbg1"]
    assert any("is rescaled" in note and "today's price" in note for note in placement.notes)


def test_another_architecture_makes_the_server_anew(fleet: Fleet, catalogue: Catalogue) -> None:
    live = Live("kvx", (living("workers-1", "cax21@nbg1"),))
    placement = decide(workers(fleet, places=(place("cpx22@nbg1"),)), catalogue, live)
    assert any("is made anew, its disk is lost" in note for note in placement.notes)


def test_a_disk_does_not_shrink(fleet: Fleet, catalogue: Catalogue) -> None:
    live = Live("kvx", (living("workers-1", "cax31@nbg1", size_gb=160),))
    smaller = workers(fleet, count=1, places=(place("cax21@nbg1"), place("cpx22@nbg1")))
    placement = decide(smaller, catalogue, live)
    assert where(placement)[1] == "cpx22@nbg1"
    with pytest.raises(KvxError, match="its disk of 160 GB does not become the 80 GB"):
        decide(workers(fleet, count=1, places=(place("cax21@nbg1"),) * 2), catalogue, live)


def test_a_node_goes_where_its_volume_stands(fleet: Fleet, catalogue: Catalogue) -> None:
    labels = {"kvx/cluster": "kvx", "kvx/node": "workers-1"}
    volume = Resource("volume", 8, "kvx-workers-1", labels, location="hel1", size_gb=50)
    with_volumes = workers(fleet, volume_gb=50)
    placement = decide(with_volumes, catalogue, Live("kvx", (volume,)))
    assert where(placement)[1:] == ["cax21@hel1", "cax21@nbg1"]
    with pytest.raises(KvxError, match="its volume kvx-workers-1 stands in hel1"):
        decide(with_volumes, without(catalogue, "cax21@hel1"), Live("kvx", (volume,)))


def test_the_gateway_of_private_nodes_has_a_place_too(fleet: Fleet, catalogue: Catalogue) -> None:
    placement = decide(replace(fleet, private_only=True), catalogue, NOTHING)
    assert placement.nodes["gateway-1"] == Placed(place("cax11@nbg1"), "arm")


def test_a_placement_is_read_as_it_was_written(fleet: Fleet, catalogue: Catalogue) -> None:
    placement = decide(fleet, without(catalogue, "cax21@nbg1"), NOTHING)
    assert Placement.from_json(placement.to_json()) == placement


@pytest.mark.parametrize("document", [{}, {"nodes": {"a-1": {}}, "notes": []}, {"nodes": [], "notes": []}])
def test_what_is_no_placement_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(KvxError, match="does not say"):
        Placement.from_json(document)


def test_pools_do_not_disturb_each_other(fleet: Fleet, catalogue: Catalogue) -> None:
    """The middle one of three goes: nodes are keyed by pool and number, and nobody moves."""
    pools = tuple(Pool(name, 2, (place(f"cax21@{at}"),)) for name, at in (("a", "nbg1"), ("b", "fsn1")))
    three = replace(fleet, pools=(*fleet.pools, *pools))
    two = replace(fleet, pools=(*fleet.pools, pools[1]))
    before, after = decide(three, catalogue, NOTHING).nodes, decide(two, catalogue, NOTHING).nodes
    assert all(before[key] == each for key, each in after.items())
