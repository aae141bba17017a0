"""A spoken name means one live object beyond doubt, or is asked about."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_api.commands.language.names import Doubt, Found, LiveNames, LiveObject
from voice_api.commands.language.sounds import sound
from voice_api.commands.spoken_names import exactly, spoken_form

NAMES = ("nginx", "grafana", "redis", "checkout-service", "payments", "broadcast", "web-app", "webapp",
         "ingest-01", "ingest-02", "auth", "auth-service", "voice-api", "catalog", "cart")  # fmt: skip
SHOP = [LiveObject(name, "shop", "deployment") for name in NAMES]
TWICE = [LiveObject("cart", "staging", "deployment"), LiveObject("edge-1", "", "node")]
LIVE = LiveNames([*SHOP, *TWICE])
DEPLOYMENT = ("deployment",)


@pytest.mark.parametrize(
    ("spoken", "name"),
    [("engine x", "nginx"), ("graph on a", "grafana"), ("read is", "redis"), ("checkout", "checkout-service"),
     ("ingest oh one", "ingest-01"), ("auth", "auth"), ("auth service", "auth-service"),
     ("off service", "auth-service"), ("boys api", None), ("broad", None), ("web app", None),
     ("ingest", None), ("ingest three", None),
     ("mars", None), ("", None), ("payment", "payments"), ("catalogue", "catalog"),
     ("voice a p i", "voice-api")],
)  # fmt: skip
def test_a_name_is_found_beyond_doubt_or_not_at_all(spoken: str, name: str | None) -> None:
    found = LIVE.find(spoken, DEPLOYMENT, "shop")
    assert (found.object.name if isinstance(found, Found) else None) == name


@pytest.mark.parametrize("spoken", ["off service", "auth svc", "prod"])
def test_a_name_that_is_not_there_is_not_taken_for_another(spoken: str) -> None:
    others = [each for each in SHOP if not each.name.startswith("auth")]
    assert isinstance(LiveNames(others).find(spoken, DEPLOYMENT), Doubt)


@pytest.mark.parametrize(
    ("spoken", "name"), [("ingest zero two", "ingest-01"), ("edge twelve", "edge-1"), ("web", "web-2")]
)
def test_another_number_is_another_name(spoken: str, name: str) -> None:
    live = LiveObject(name, "", "node")
    assert LiveNames([live]).find(spoken, ("node",)) == Doubt(spoken, (live,))


def test_two_names_said_together_are_asked_about() -> None:
    spaces = LiveNames(LiveObject(name, "", "namespace") for name in ("production", "shop"))
    assert isinstance(spaces.find("production shop", ("namespace",)), Doubt)


def test_the_same_name_in_two_namespaces_is_asked_about_unless_one_is_said_or_at_home() -> None:
    doubt = LIVE.find("cart", DEPLOYMENT)
    assert isinstance(doubt, Doubt)
    assert {each.namespace for each in doubt.candidates} == {"shop", "staging"}
    assert LIVE.find("cart", DEPLOYMENT, "staging") == Found(TWICE[0], exact=True)
    assert LIVE.find("cart", DEPLOYMENT, home="staging") == Found(TWICE[0], exact=True)


def test_only_objects_of_the_kind_are_meant() -> None:
    assert LIVE.find("edge one", ("node",)) == Found(TWICE[1], exact=True)
    assert isinstance(LIVE.find("edge one", DEPLOYMENT), Doubt)


def test_at_most_three_are_offered() -> None:
    many = LiveNames(LiveObject(f"team-{letter}", "", "namespace") for letter in "abcdef")
    doubt = many.find("team", ("namespace",))
    assert isinstance(doubt, Doubt)
    assert len(doubt.candidates) == 3


@pytest.mark.parametrize(
    ("heard", "written"),
    [("read is", "redis"), ("knight", "nite"), ("coup", "cube"), ("fone", "phone"), ("kart", "cart"),
     ("chequeout", "checkout"), ("seller y", "celery"), ("quay", "key")],
)  # fmt: skip
def test_what_sounds_alike_has_nearly_the_same_key(heard: str, written: str) -> None:
    one, other = sound(heard.replace(" ", "")), sound(written)
    assert one[:2] == other[:2]


@given(st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True))
def test_digits_are_kept_as_they_are(word: str) -> None:
    digits = [letter for letter in word if letter.isdigit()]
    deduplicated = [each for at, each in enumerate(digits) if at == 0 or each != digits[at - 1]]
    assert set(deduplicated) <= set(sound(word))


OBJECTS = st.lists(
    st.builds(
        LiveObject,
        st.from_regex(r"[a-z]{1,6}(-[a-z0-9]{1,3})?", fullmatch=True),
        st.sampled_from(["a", "b"]),
        st.just("deployment"),
    ),
    min_size=1,
    max_size=8,
)


@given(OBJECTS, st.data())
def test_a_name_that_is_said_as_it_is_written_is_never_taken_for_another(
    objects: list[LiveObject], data: st.DataObject
) -> None:
    meant = data.draw(st.sampled_from(objects))
    found = LiveNames(objects).find(meant.name.replace("-", " "), DEPLOYMENT, meant.namespace)
    assert isinstance(found, Doubt) or found.object == meant


@given(OBJECTS, st.text("abcdefgh 12", max_size=12))
def test_the_order_of_the_objects_does_not_matter(objects: list[LiveObject], spoken: str) -> None:
    backwards = LiveNames(reversed(objects)).find(spoken, DEPLOYMENT)
    assert LiveNames(objects).find(spoken, DEPLOYMENT) == backwards


def test_a_name_of_thousands_is_known_by_its_first_words() -> None:
    names = [f"{word}-{number:03}-x" for word in ("bakery", "baker") for number in range(400)]
    shop = LiveNames(LiveObject(name, "shop", "pod") for name in [*names, "bakeryhouse-east"])
    assert shop.find("bakery house", ("pod",)) == Found(
        LiveObject("bakeryhouse-east", "shop", "pod"), exact=False
    )
    both = LiveNames(
        LiveObject(name, "shop", "pod")
        for name in [
            *names,
            "oven-a",
            *(f"ovena{each:03}" for each in range(900)),
            "oven-zeppelin-of-the-north",
        ]
    )
    doubt = both.find("oven", ("pod",))
    assert isinstance(doubt, Doubt), "the second is a rival, however many lie between"
    assert {each.name for each in doubt.candidates} >= {"oven-a", "oven-zeppelin-of-the-north"}
    doubt = shop.find("baker", ("pod",))
    assert isinstance(doubt, Doubt)
    assert {each.name[:6] for each in doubt.candidates} == {"baker-"}


@pytest.mark.parametrize(
    ("spoken", "name"),
    [("edge 1", "edge-01"), ("edge one", "edge-01"), ("edge 10", "edge-10"), ("edge 001", "edge-01")],
)
def test_zeros_before_a_number_do_not_matter_where_one_name_is_meant(spoken: str, name: str) -> None:
    nodes = LiveNames(LiveObject(each, "", "node") for each in ("edge-01", "edge-10"))
    found = nodes.find(spoken, ("node",))
    assert isinstance(found, Found)
    assert found.object.name == name


def test_numbers_that_differ_by_zeros_alone_are_asked_about() -> None:
    nodes = LiveNames(LiveObject(each, "", "node") for each in ("edge-1", "edge-01"))
    assert nodes.find("edge 001", ("node",)) == Doubt(
        "edge 001", (LiveObject("edge-01", "", "node"), LiveObject("edge-1", "", "node"))
    )


@st.composite
def misheard(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Names, some of which differ by a letter, and one of them as somebody might have heard it."""
    names = draw(
        st.lists(
            st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,6}){0,2}", fullmatch=True), min_size=1, max_size=6
        )
    )
    names += [name + draw(st.sampled_from("aest12")) for name in names]
    name = draw(st.sampled_from(names))
    place = draw(st.integers(0, len(name)))
    return name[:place] + draw(st.sampled_from(["", "a", "s", " ", "1"])) + name[place + 1 :], names


@given(misheard())
@settings(max_examples=250)
def test_what_is_taken_has_the_digits_that_were_said_and_no_rival(heard: tuple[str, list[str]]) -> None:
    spoken, names = heard
    found = LiveNames(LiveObject(name, "shop", "deployment") for name in names).find(spoken, DEPLOYMENT)
    if isinstance(found, Doubt):
        assert len(found.candidates) <= 3
        assert {each.name for each in found.candidates} <= set(names)
        return
    said, taken = spoken_form(spoken), spoken_form(found.object.name)
    assert said.digits.lstrip("0") == taken.digits.lstrip("0") or said.digits == taken.digits
    same = {name for name in names if spoken_form(name).form == said.form}
    assert same <= {found.object.name}


@pytest.mark.parametrize(
    ("spoken", "name", "same"),
    [
        ("Edge one", "edge-1", True),
        ("prod", "production", True),
        ("production", "prod", False),
        ("edge", "edge-1", False),
    ],
)
def test_a_name_is_exactly_itself_or_what_is_short_for_it(spoken: str, name: str, same: bool) -> None:
    assert exactly(spoken, name) is same
