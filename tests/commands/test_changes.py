"""What is asked about before money or loss: the difference between what lives and what is wanted."""

from dataclasses import replace
from decimal import Decimal

import pytest

from kvx.commands.changes import changes
from kvx.commands.cleanup_machines import Doomed, agree_to_destroy, lines_of
from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import Fleet, Place, Pool
from kvx.machines.placement import Placed, Placement

HERE, THERE = Place("cax21", "nbg1"), Place("cax21", "hel1")
FLEET = Fleet(
    "stage",
    (Pool("control-plane", 1, (HERE,)), Pool("workers", 2, (HERE,), volume_gb=20)),
    load_balancer=Place("lb11", "nbg1"),
)


def resource(kind: str, number: int, name: str, node: str = "", **values: object) -> Resource:
    labels = {"kvx/cluster": "stage"} | ({"kvx/node": node} if node else {})
    return replace(Resource(kind, number, name, labels), **values)  # type: ignore[arg-type]


def placed(fleet: Fleet, place: Place = HERE) -> Placement:
    return Placement({node.key: Placed(place, "arm") for node in fleet.nodes})


def living(fleet: Fleet) -> Live:
    """All of it as it is wanted."""
    found = [resource("load_balancer", 1, "stage", type="lb11", location="nbg1")]
    for number, node in enumerate(fleet.nodes, 10):
        found.append(resource("server", number, node.name, node.key, type="cax21", location="nbg1"))
        if node.pool.volume_gb:
            found.append(resource("volume", number + 100, node.name, node.key, size_gb=20))
    return Live("stage", tuple(found))


def test_where_everything_lives_nothing_is_asked() -> None:
    assert not changes(FLEET, placed(FLEET), living(FLEET)).any


def test_where_nothing_lives_all_that_is_billed_is_named() -> None:
    assert changes(FLEET, placed(FLEET), Live("stage")).made == (
        "stage-control-plane-1, cax21@nbg1",
        "stage-workers-1, cax21@nbg1",
        "stage-workers-2, cax21@nbg1",
        "a volume of 20 GB for stage-workers-1",
        "a volume of 20 GB for stage-workers-2",
        "the load balancer lb11@nbg1",
    )


def test_without_a_placement_machines_are_made_where_they_are_wanted() -> None:
    assert changes(FLEET, None, Live("stage")).made[0] == "stage-control-plane-1, cax21@nbg1"


def test_what_shrinks_is_named_with_what_is_lost() -> None:
    smaller = replace(FLEET, pools=(FLEET.pools[0], Pool("workers", 1, (HERE,))), load_balancer=None)
    found = changes(smaller, placed(smaller), living(FLEET))
    assert found.made == found.otherwise == ()
    assert found.deleted == (
        "stage-workers-2, cax21@nbg1; its disk is lost",
        "the volume stage-workers-1 of 20 GB, with what it holds",
        "the volume stage-workers-2 of 20 GB, with what it holds",
        "the load balancer stage",
    )


def test_a_machine_that_moves_loses_its_disk_and_one_that_grows_does_not() -> None:
    moved = changes(FLEET, placed(FLEET, THERE), living(FLEET)).otherwise
    assert moved[0] == "stage-control-plane-1, cax21@nbg1 becomes cax21@hel1; its disk is lost"
    grown = changes(FLEET, placed(FLEET, Place("cax31", "nbg1")), living(FLEET)).otherwise
    assert grown[0].endswith("cax21@nbg1 becomes cax31@nbg1; it is switched off for that")


def test_what_controllers_made_is_no_business_of_a_deploy() -> None:
    others = (resource("load_balancer", 2, "a4f1"), resource("volume", 3, "pvc-1", size_gb=10))
    live = living(FLEET)
    assert not changes(FLEET, placed(FLEET), replace(live, resources=(*live.resources, *others))).any


DOOMED = Doomed(
    "stage",
    (
        resource("server", 1, "stage-workers-1", type="cax21", location="nbg1", monthly_net=Decimal("10.49")),
        resource(
            "volume",
            2,
            "stage-workers-1",
            size_gb=25,
            location="nbg1",
            monthly_net=Decimal("1.43"),
            protected=True,
        ),
        resource("network", 3, "stage"),
    ),
    in_doubt=(resource("volume", 4, "pvc-17"),),
    strangers=(replace(resource("server", 5, "stage-old"), labels={}),),
)


def test_what_goes_is_listed_with_its_price_and_what_is_left_alone_with_the_reason() -> None:
    assert lines_of(DOOMED) == [
        "This belongs to the cluster stage and will be deleted (EUR a month, net):",
        "  server          stage-workers-1               cax21 nbg1                 10.49",
        "  volume          stage-workers-1               25 GB nbg1 protected        1.43",
        "  network         stage                                                        -",
        "                                                                      ----------",
        "  together                                                                 11.92",
        "Left alone: controllers of some cluster made it, and nothing shows of which.",
        "  volume          pvc-17",
        "Left alone: it does not carry the label, whatever its name.",
        "  server          stage-old",
    ]


def test_one_price_that_is_not_known_makes_the_sum_unknown() -> None:
    unknown = resource("server", 6, "stage-new", monthly_net=None)
    doomed = replace(DOOMED, resources=(*DOOMED.resources, unknown))
    assert doomed.monthly_net is None
    assert "  together                                                               unknown" in lines_of(
        doomed
    )


@pytest.mark.parametrize(
    ("name", "yes", "code", "said"),
    [
        ("other", False, ExitCode.USAGE, "the cluster is called stage, not other"),
        ("other", True, ExitCode.USAGE, "the cluster is called stage, not other"),
        (None, True, ExitCode.USAGE, "--yes does not do for machines"),
        (None, False, ExitCode.MISSING, "there is no terminal to ask on"),
    ],
)
def test_machines_go_only_for_the_name_of_their_cluster(
    name: str | None, yes: bool, code: ExitCode, said: str
) -> None:
    with pytest.raises(KvxError, match=said) as caught:
        agree_to_destroy(DOOMED, name=name, yes=yes)
    assert caught.value.exit_code is code
    assert caught.value.fix == "kvx cleanup --target hetzner --yes-destroy stage"


def test_the_name_of_the_cluster_is_enough() -> None:
    agree_to_destroy(DOOMED, name="stage", yes=False)
