"""Lists: pages, order, filters."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project


@pytest.fixture
def groups(project: "Project") -> "Project":
    """A project with 30 placement groups, g00 to g29; every third is red."""
    for number in range(30):
        labels = {"color": "red"} if number % 3 == 0 else {}
        project.make("placement_groups", name=f"g{number:02}", type="spread", labels=labels)
    return project


def page(project: "Project", query: str) -> tuple[list[str], dict[str, Any]]:
    answer = project.done("GET", f"/placement_groups?{query}")
    return [group["name"] for group in answer["placement_groups"]], answer["meta"]["pagination"]


def test_a_page_has_25_entries_unless_asked_otherwise(groups: "Project") -> None:
    names, where = page(groups, "")
    assert (len(names), where["per_page"], where["next_page"], where["last_page"]) == (25, 25, 2, 2)
    assert where["previous_page"] is None
    assert where["total_entries"] == 30


def test_the_last_page_has_no_next_one(groups: "Project") -> None:
    names, where = page(groups, "page=2")
    assert names == [f"g{number:02}" for number in range(25, 30)]
    assert (where["previous_page"], where["next_page"]) == (1, None)


def test_pages_together_are_the_whole(groups: "Project") -> None:
    names = [name for number in range(1, 6) for name in page(groups, f"per_page=7&page={number}")[0]]
    assert names == [f"g{number:02}" for number in range(30)]


def test_a_page_never_has_more_than_50_entries(groups: "Project") -> None:
    assert page(groups, "per_page=200")[1]["per_page"] == 50


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=0", "sort=color", "sort=name:up"])
def test_a_question_that_makes_no_sense_is_refused(groups: "Project", query: str) -> None:
    assert groups.code("GET", f"/placement_groups?{query}") == "invalid_input"


def test_lists_are_sorted_as_asked(groups: "Project") -> None:
    assert page(groups, "sort=name:desc&per_page=2")[0] == ["g29", "g28"]
    assert page(groups, "sort=created:asc&per_page=2")[0] == ["g00", "g01"]


def test_lists_are_filtered_by_name_and_label(groups: "Project") -> None:
    assert page(groups, "name=g07")[0] == ["g07"]
    assert page(groups, "name=nobody")[0] == []
    assert page(groups, "label_selector=color==red")[1]["total_entries"] == 10
    assert page(groups, "label_selector=!color")[1]["total_entries"] == 20


def test_servers_are_filtered_by_status(project: "Project") -> None:
    project.off(project.server(name="off"))
    project.server(name="on")
    found = project.done("GET", "/servers?status=off")["servers"]
    assert [server["name"] for server in found] == ["off"]


def test_images_are_filtered_by_name_and_architecture(project: "Project") -> None:
    found = project.done("GET", "/images?name=debian-12&architecture=arm")["images"]
    assert [(image["name"], image["architecture"]) for image in found] == [("debian-12", "arm")]
