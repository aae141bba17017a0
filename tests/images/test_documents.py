"""References, documents, programs and records, read as values."""

import io
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hypothesis import given
from hypothesis import strategies as st
from made import elf, layer

from kvx.errors import ExitCode, KvxError
from kvx.images import record
from kvx.images.documents import Platform, read_configuration, read_index, read_manifest
from kvx.images.elf import architecture_of
from kvx.images.layers import Program, look_into
from kvx.images.record import Proven, platform_of
from kvx.images.reference import Reference, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("python", Reference("docker.io", "library/python")),
        ("kvx/voice-api:1", Reference("docker.io", "kvx/voice-api", "1")),
        ("localhost/a", Reference("localhost", "a")),
        ("localhost:5000/a/b:c", Reference("localhost:5000", "a/b", "c")),
        (f"ghcr.io/a/b@{DIGEST}", Reference("ghcr.io", "a/b", None, DIGEST)),
        (f"ghcr.io/a/b:c@{DIGEST}", Reference("ghcr.io", "a/b", "c", DIGEST)),
    ],
)
def test_names_of_images_are_read_as_docker_reads_them(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text", ["", "A/b", "a:", "a@", "a@sha256:12", "ghcr.io/", "ghcr.io/a/../b", "a b", "a:b:c", "/a"]
)
def test_anything_else_names_no_image(text: str) -> None:
    with pytest.raises(KvxError) as raised:
        parse_reference(text)
    assert raised.value.exit_code is ExitCode.USAGE


@given(st.text(max_size=60))
def test_no_text_is_read_as_a_name_that_is_not_written_the_same(text: str) -> None:
    try:
        reference = parse_reference(text)
    except KvxError:
        return
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_program_says_which_processor_it_is_for(architecture: str, order: str) -> None:
    assert architecture_of(elf(architecture, order)) == architecture


def test_the_python_that_runs_this_is_a_program_of_this_machine() -> None:
    import platform

    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    assert architecture_of(Path(sys.executable).resolve().read_bytes()[:20]) == machine


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", bytes(64)])
def test_what_is_no_program_has_no_processor(content: bytes) -> None:
    assert architecture_of(content) is None


def test_an_attestation_is_no_image() -> None:
    reference = {"vnd.docker.reference.type": "attestation-manifest"}
    rows = [
        {"mediaType": "m", "digest": "a", "size": 1, "platform": {"os": "linux", "architecture": "arm64"}},
        {
            "mediaType": "m",
            "digest": "b",
            "size": 1,
            "annotations": reference,
            "platform": {"os": "linux", "architecture": "amd64"},
        },
    ]
    index = read_index(json.dumps({"manifests": rows}).encode())
    assert index is not None
    assert list(index.images) == [Platform("linux", "arm64")]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"null", b'{"config": 1}', b'{"config": {}, "layers": [{}]}', b'{"manifests": 3}'],
)
def test_a_damaged_document_is_told_and_not_met_as_a_bug(content: bytes) -> None:
    with pytest.raises(KvxError):
        read_index(content) or read_manifest(content)


def test_a_configuration_without_anything_runs_as_root_and_checks_nothing() -> None:
    configuration = read_configuration(b'{"os": "linux", "architecture": "arm64", "config": {}}')
    assert (configuration.user, configuration.has_health_check, dict(configuration.labels)) == ("", False, {})


def test_programs_are_found_in_a_layer_and_other_files_are_not() -> None:
    contents = look_into(io.BytesIO(layer({"usr/bin/a": elf("arm64"), "etc/b": b"b"})))
    assert contents.programs == (Program("/usr/bin/a", "arm64"),)


@pytest.mark.parametrize("cut", [10, 60])
def test_a_layer_that_ends_too_early_is_told(cut: int) -> None:
    whole = layer({"a": bytes(range(256)) * 40})
    with pytest.raises(KvxError):
        look_into(io.BytesIO(whole[:cut]))


def test_records_come_back_as_they_were_written() -> None:
    reference = Reference("ghcr.io", "kvx/voice-api", "1", DIGEST)
    kept = {"voice-api": Proven(reference, "4f5c2ad", {Platform("linux", "arm64"): DIGEST})}
    assert record.read(record.written(kept)) == kept


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema": "kvx/images/v2", "images": {}}',
        '{"schema": "kvx/images/v1", "images": {"a": {"reference": "a:1", "revision": "", "platforms": {}}}}',
    ],
)
def test_records_of_others_and_records_without_a_digest_are_refused(content: str) -> None:
    with pytest.raises(KvxError) as raised:
        record.read(content)
    assert raised.value.exit_code is ExitCode.INCOMPLETE


@pytest.mark.parametrize("text", ["arm64", "linux/", "/arm64", "linux/arm64/v8"])
def test_a_platform_is_a_system_and_a_processor(text: str) -> None:
    with pytest.raises(KvxError):
        platform_of(text)
