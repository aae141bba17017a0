"""Whatever is wanted and whatever is in stock, these hold."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Catalogue, Live, Resource, ServerType
from kvx.machines.fleet import Fleet, Place, Pool
from kvx.machines.placement import Placement, decide

LOCATIONS = {"fsn1": "eu-central", "nbg1": "eu-central", "hel1": "eu-central", "ash": "us-east"}
TYPES = {"cax11": "arm", "cax21": "arm", "cpx22": "x86"}
PLACES = [Place(kind, location) for kind in TYPES for location in LOCATIONS if location != "ash"]

places = st.sampled_from(PLACES)
pools = st.lists(
    st.builds(
        Pool,
        name=st.sampled_from(["a", "b", "c"]),
        count=st.integers(0, 12),
        places=st.lists(places, min_size=1, max_size=4, unique=True).map(tuple),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda pool: pool.name,
)
fleets = pools.map(lambda some: Fleet("kvx", tuple(some)))


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Some places are not sold, some out of stock, some images missing."""
    stock = st.dictionaries(st.sampled_from(list(LOCATIONS)), st.booleans())
    types = {name: ServerType(name, kind, 2, 4.0, 40, draw(stock)) for name, kind in TYPES.items()}
    images = draw(st.sets(st.sampled_from([("debian-12", "arm"), ("debian-12", "x86")])))
    return Catalogue(types, LOCATIONS, frozenset(images))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Fleet, Catalogue, Live, frozenset[Place]]:
    fleet, catalogue = draw(fleets), draw(catalogues())
    alive = draw(st.lists(st.sampled_from(fleet.nodes), unique=True, max_size=5)) if fleet.nodes else []
    resources = tuple(_server(number, node.key, draw(places)) for number, node in enumerate(alive))
    return fleet, catalogue, Live("kvx", resources), frozenset(draw(st.sets(places, max_size=3)))


def _server(number: int, key: str, place: Place) -> Resource:
    labels = {"kvx/cluster": "kvx", "kvx/node": key}
    server = Resource("server", number, f"kvx-{key}", labels, status="running", size_gb=40)
    return replace(server, type=place.type, location=place.location, architecture=TYPES[place.type])


def decided(situation: tuple[Fleet, Catalogue, Live, frozenset[Place]]) -> Placement | None:
    """None where there is no room; everything else that is refused fails the test."""
    try:
        return decide(*situation)
    except KvxError as error:
        if error.exit_code is not ExitCode.NO_CAPACITY or not error.fix:
            raise
        return None


def offered(place: Place, catalogue: Catalogue) -> bool:
    kind = catalogue.server_types[place.type]
    assert catalogue.images is not None
    return kind.locations.get(place.location, False) and ("debian-12", kind.architecture) in catalogue.images


many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(situations())
def test_each_node_has_one_place_and_nobody_else_has(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    placement = decided(situation)
    if placement is not None:
        assert list(placement.nodes) == [node.key for node in situation[0].nodes]


@many
@given(situations())
def test_nothing_new_goes_where_it_is_not_offered(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    _, catalogue, live, refused = situation
    placement = decided(situation)
    for key, placed in (placement.nodes if placement else {}).items():
        if key not in live.nodes or live.nodes[key].place != placed.place:
            assert offered(placed.place, catalogue)
            assert placed.place not in refused


@many
@given(situations())
def test_new_nodes_take_the_first_place_that_is_free(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    fleet, catalogue, live, refused = situation
    placement = decided(situation)
    for node in fleet.nodes if placement else ():
        wanted = node.pool.places
        if node.key not in live.nodes and len(wanted) > 1:
            free = [each for each in wanted if offered(each, catalogue) and each not in refused]
            assert placement is not None
            assert placement.nodes[node.key].place == free[0]


@many
@given(situations())
def test_what_lives_in_a_wanted_place_stays(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    fleet, _, live, _ = situation
    placement = decided(situation)
    for node in fleet.nodes if placement else ():
        server = live.nodes.get(node.key)
        if server is not None and server.place in node.pool.places:
            assert placement is not None
            assert placement.nodes[node.key].place == server.place


@many
@given(situations())
def test_the_same_question_has_the_same_answer(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    fleet, catalogue, live, refused = situation
    backwards = Live("kvx", tuple(reversed(live.resources)))
    assert decided(situation) == decided((fleet, catalogue, backwards, refused))


@many
@given(situations())
def test_a_fleet_that_lives_as_decided_is_decided_the_same(
    situation: tuple[Fleet, Catalogue, Live, frozenset[Place]],
) -> None:
    fleet, catalogue, _, refused = situation
    first = decided(situation)
    if first is not None:
        servers = (_server(n, key, each.place) for n, (key, each) in enumerate(first.nodes.items()))
        again = decide(fleet, catalogue, Live("kvx", tuple(servers)), refused)
        assert again.nodes == first.nodes


@many
@given(situations())
def test_a_placement_survives_its_file(situation: tuple[Fleet, Catalogue, Live, frozenset[Place]]) -> None:
    placement = decided(situation)
    if placement is not None:
        assert Placement.from_json(placement.to_json()) == placement
