"""Names of live things are known in every way they may be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.speech.whisper.spoken import MOST_FORMS, spoken_forms


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("checkout-service", ["checkout service", "checkout-service"]),
        ("ingest-01", ["ingest zero one", "ingest one", "ingest 01", "ingest-01"]),
        ("edge-1", ["edge one", "edge 1", "edge-1"]),
        ("web42", ["web forty two", "web four two", "web 42", "web42"]),
        ("node-250", ["node two hundred and fifty", "node two five zero"]),
        ("Grafana", ["Grafana", "grafana"]),
        ("kube_system.dns/core", ["kube system dns core"]),
        ("checkout-7d9f8b6c54-x2x4z", ["checkout"]),
        ("postgres-0", ["postgres zero"]),
    ],
)
def test_a_name_is_known_as_it_is_said_and_as_it_is_written(name: str, ways: list[str]) -> None:
    assert set(ways) <= set(spoken_forms(name))


def test_what_a_cluster_adds_to_the_name_of_a_pod_is_said_by_nobody() -> None:
    assert not any("x2x4z" in form for form in spoken_forms("checkout-7d9f8b6c54-x2x4z"))
    assert spoken_forms("redis-cache") == ("redis-cache", "redis cache")


@pytest.mark.parametrize("name", ["", "--", " ", "!"])
def test_a_name_without_letters_has_no_form(name: str) -> None:
    assert spoken_forms(name) == ()


@given(st.text(max_size=40))
def test_no_name_has_too_many_forms_or_empty_ones(name: str) -> None:
    forms = spoken_forms(name)
    assert len(forms) <= MOST_FORMS
    assert all(form.strip() for form in forms)
    assert len(set(forms)) == len(forms)
