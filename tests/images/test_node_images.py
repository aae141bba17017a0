"""What a node says of its images, read; what it still needs, and how far sending is."""

from hypothesis import given
from hypothesis import strategies as st

from kvx.drivers.ssh_work import progress_words
from kvx.images.documents import Descriptor
from kvx.images.nodes import NodeImages, heard, lacking

SAID = """machine aarch64
image kvx.invalid/voice-api:v1 sha256:a
image kvx.invalid/voice-api@sha256:a sha256:a
ready kvx.invalid/voice-api@sha256:a
blob sha256:a
blob sha256:b
part 1f.part 4096
free 1000
"""


def test_a_node_tells_processor_images_blobs_parts_and_room() -> None:
    seen = heard(SAID.splitlines())
    assert seen.architecture == "arm64"
    assert seen.blobs == {"sha256:a", "sha256:b"}
    assert seen.parts == {"1f.part": 4096}
    assert seen.free_bytes == 1_024_000


def test_an_image_is_there_only_whole_and_under_the_right_digest() -> None:
    seen = heard(SAID.splitlines())
    assert seen.has("kvx.invalid/voice-api@sha256:a", "sha256:a")
    assert not seen.has("kvx.invalid/voice-api:v1", "sha256:a")
    assert not seen.has("kvx.invalid/voice-api@sha256:a", "sha256:b")


def test_a_node_whose_containerd_is_empty_has_nothing() -> None:
    assert heard(["machine x86_64", "ready ", "blob ", "free 5"]) == NodeImages("amd64", free_bytes=5120)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_whatever_a_node_prints_is_read_without_a_fault(lines: list[str]) -> None:
    heard(lines)


DESCRIPTORS = st.builds(Descriptor, st.just("a"), st.sampled_from("abcdef"), st.integers(1, 9))


@given(st.lists(DESCRIPTORS, max_size=8), st.frozensets(st.sampled_from("abcdef")))
def test_what_is_lacking_and_what_is_there_are_all_that_is_needed(
    needed: list[Descriptor], there: frozenset[str]
) -> None:
    digests = [each.digest for each in lacking(needed, there)]
    assert len(set(digests)) == len(digests)
    assert there.isdisjoint(digests)
    assert {each.digest for each in needed} == set(digests) | (there & {each.digest for each in needed})


def test_sending_is_told_in_bytes_and_by_the_pace_of_this_connection() -> None:
    assert progress_words(30_000_000, 100_000_000, 20_000_000, 10) == "30.0 of 100.0 MB, about 35 s left"
    assert progress_words(30_000_000, 100_000_000, 0, 10) == "30.0 of 100.0 MB"
