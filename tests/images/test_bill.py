"""The bill of materials and the provenance of an image: what they say, and what they are held to."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

sys.path.insert(0, str(Path(__file__).parent))

from local import IntoFolder
from made import LABELS, Made, digest_of, layer, right

from kvx.drivers import image_bills
from kvx.drivers.blobs import opened
from kvx.drivers.image_proof import examined
from kvx.images.bill import attachment, bill, read_bill
from kvx.images.documents import Descriptor, Platform
from kvx.images.layers import look_into
from kvx.images.packages import Package, packages_in, tells_packages
from kvx.images.proof import Examined, Wanted
from kvx.images.reference import LOCAL, Reference
from kvx.world import real_world

# A busy machine is no fault of what is tried.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ARM64 = Platform("linux", "arm64")
NUMPY = b"Metadata-Version: 2.1\nName: numpy\nVersion: 2.3.1\nLicense-Expression: BSD-3-Clause\n\nwords\n"
JINJA = (
    b"Metadata-Version: 2.1\nName: Jinja2\nVersion: 3\nClassifier: License :: OSI Approved :: BSD License\n\n"
)
LIBC = b"Package: libc6\nArchitecture: arm64\nVersion: 2.36-9+deb12u1\nDescription: it\n two lines\n"
STATUS = (
    b"Package: libc6\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1\n\n"
    b"Package: gone\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1\n"
)
FILES = {
    "opt/voice-api/numpy-2.3.1.dist-info/METADATA": NUMPY,
    "opt/voice-api/Jinja2-3.dist-info/METADATA": JINJA,
    "var/lib/dpkg/status.d/libc6": LIBC,
    "var/lib/dpkg/status.d/libc6.md5sums": b"0 usr/lib/libc.so.6\n",
}
PACKAGES = {"pkg:pypi/numpy@2.3.1", "pkg:pypi/jinja2@3", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=arm64"}


def urls(*layers: Mapping[str, bytes]) -> set[str]:
    contents = look_into(BytesIO(layer(layers[0])))
    for each in layers[1:]:
        contents += look_into(BytesIO(layer(each)))
    return {each.url for each in contents.packages}


def test_packages_are_those_that_the_layers_say_they_have() -> None:
    assert urls(FILES) == PACKAGES
    assert urls({}, FILES) == PACKAGES


def test_a_package_that_a_later_layer_removes_is_not_in_the_image() -> None:
    away = {"opt/voice-api/.wh.numpy-2.3.1.dist-info": b""}
    assert urls(FILES, away) == PACKAGES - {"pkg:pypi/numpy@2.3.1"}
    assert urls(FILES, {"opt/voice-api/.wh..wh..opq": b""}) == {
        each for each in PACKAGES if not each.startswith("pkg:pypi")
    }


def test_a_package_of_another_version_takes_its_place() -> None:
    newer = {"var/lib/dpkg/status.d/libc6": LIBC.replace(b"2.36", b"2.37")}
    assert "pkg:deb/debian/libc6@2.37-9%2Bdeb12u1?arch=arm64" in urls(FILES, newer)
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=arm64" not in urls(FILES, newer)


def test_what_dpkg_has_removed_is_no_package() -> None:
    assert urls({"var/lib/dpkg/status": STATUS}) == {"pkg:deb/debian/libc6@1?arch=arm64"}


def test_licences_are_told_by_whichever_way_a_package_has() -> None:
    (numpy,) = packages_in("/a.dist-info/METADATA", NUMPY)
    (jinja,) = packages_in("/b.dist-info/METADATA", JINJA)
    assert (numpy.licence, jinja.licence) == ("BSD-3-Clause", "BSD License")


@PATIENT
@given(st.binary(max_size=300))
def test_whatever_lies_there_is_read_without_a_fault(content: bytes) -> None:
    for path in ("/a.dist-info/METADATA", "/var/lib/dpkg/status", "/var/lib/dpkg/status.d/x"):
        assert tells_packages(path)
        assert all(each.name and each.version for each in packages_in(path, content))


WORDS = st.text("abcXYZ019.+~:-_", min_size=1, max_size=12).filter(lambda text: text.strip("-_.+~:") == text)


@PATIENT
@given(
    st.sets(
        st.builds(Package, st.sampled_from(("pypi", "deb")), WORDS, WORDS, st.sampled_from(("arm64", "all"))),
        max_size=6,
    )
)
def test_a_bill_is_what_cyclonedx_says_and_comes_back_as_it_was(packages: set[Package]) -> None:
    content = bill("voice-api", f"sha256:{'a' * 64}", ARM64, LABELS, packages)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is None
    told = read_bill(content)
    assert told is not None
    assert told.digest == f"sha256:{'a' * 64}"
    assert (told.revision, told.source) == ("4f5c2ad", "https://example.com/kvx")
    assert told.packages == {each.url for each in packages}
    assert content == bill("voice-api", f"sha256:{'a' * 64}", ARM64, LABELS, packages)


@PATIENT
@given(st.sampled_from(("pypi", "deb")), WORDS, WORDS)
def test_a_package_has_the_url_that_others_give_it(kind: str, name: str, version: str) -> None:
    assume(not set(name) & set(":+~" if kind == "pypi" else ":~"))  # no package may be called so
    url = Package(kind, name, version, "arm64").url
    assert PackageURL.from_string(url).to_string() == url


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"metadata": {"component": {"hashes": []}}}'])
def test_what_is_no_bill_is_none(content: bytes) -> None:
    assert read_bill(content) is None


# Images with all that belongs to them, in a folder.

Change = Callable[[dict[str, Any]], None]


def statement(digest: str) -> dict[str, Any]:
    """What BuildKit attests with --provenance=mode=max, as far as it is read."""
    arguments = {
        "build-arg:REVISION": LABELS["org.opencontainers.image.revision"],
        "build-arg:SOURCE": LABELS["org.opencontainers.image.source"],
    }
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": "pkg:docker/a", "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicate": {"invocation": {"parameters": {"args": arguments}}},
    }


class Attesting(IntoFolder):
    """Adds provenance to each image of an index, as BuildKit does it."""

    change: Change = staticmethod(lambda _document: None)

    def attested(self, tag: str, image: Made) -> str:
        content = self.manifest(image)
        document = statement(digest_of(content))
        self.change(document)
        blob = json.dumps(document).encode()
        empty = b"{}"
        attestation = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": Descriptor(
                "application/vnd.oci.image.config.v1+json", digest_of(empty), len(empty)
            ).document,
            "layers": [
                Descriptor(
                    "application/vnd.in-toto+json",
                    digest_of(blob),
                    len(blob),
                    annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
                ).document
            ],
        }
        packed = json.dumps(attestation).encode()
        for each in (blob, empty):
            self._put_blob(each)
        kind = "application/vnd.oci.image.manifest.v1+json"
        self._put_manifest(digest_of(packed), kind, packed)
        notes = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": digest_of(content),
        }
        rows = [
            Descriptor(kind, digest_of(content), len(content), ARM64).document,
            Descriptor(
                kind, digest_of(packed), len(packed), Platform("unknown", "unknown"), annotations=notes
            ).document,
        ]
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": rows,
        }
        return self._put_manifest(tag, str(index["mediaType"]), json.dumps(index).encode())


IMAGE = right("arm64").but(files={**right("arm64").files, **FILES})
BOTH = ("provenance", "bill")


def look(folder: Path, digest: str, *attested: str) -> Examined:
    wanted = Wanted((ARM64,), 1_000_000, attested=attested)
    return examined(Reference(LOCAL, "voice-api", "v1", digest), wanted, real_world(), folder)


def kinds(folder: Path, digest: str, *attested: str) -> list[str]:
    return [each.kind for each in look(folder, digest, *attested).findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def made(folder: Path, change: Change = lambda _document: None) -> str:
    """An image with provenance and the bill that kvx attaches; its digest."""
    attesting = Attesting(folder, "voice-api")
    attesting.change = change
    digest = attesting.attested("v1", IMAGE)
    with closing(opened(Reference(LOCAL, "voice-api"), folder, real_world())) as blobs:
        image_bills.attached(blobs, "voice-api", look(folder, digest).images)
    return digest


def rewrite_bill(folder: Path, digest: str, change: Change) -> None:
    """Attach another bill in the place of the right one, properly."""
    image = look(folder, digest).images[ARM64]
    assert image.attested.bill is not None
    document = json.loads(image.attested.bill)
    change(document)
    content = json.dumps(document).encode()
    with closing(opened(Reference(LOCAL, "voice-api"), folder, real_world())) as blobs:
        blobs.put_blob(Descriptor("", digest_of(content), len(content)), BytesIO(content))
        subject = Descriptor("application/vnd.oci.image.manifest.v1+json", image.digest, 1)
        blobs.attach(subject, *attachment(content, subject))


def test_an_image_with_provenance_and_bill_agrees_with_both(folder: Path) -> None:
    digest = made(folder)
    found = look(folder, digest, *BOTH)
    assert found.findings == ()
    assert found.images[ARM64].attested.kinds == BOTH


def test_what_is_missing_is_only_wrong_where_it_is_wanted(folder: Path) -> None:
    digest = IntoFolder(folder, "voice-api").index("v1", IMAGE)
    assert kinds(folder, digest) == []
    assert kinds(folder, digest, *BOTH) == ["provenance_missing", "bill_missing"]


def _other_subject(document: dict[str, Any]) -> None:
    document["subject"][0]["digest"]["sha256"] = "b" * 64


def _other_argument(name: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["predicate"]["invocation"]["parameters"]["args"][name] = "another"

    return change


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_other_subject, "provenance_of_another"),
        (_other_argument("build-arg:REVISION"), "provenance_disagrees"),
        (_other_argument("build-arg:SOURCE"), "provenance_disagrees"),
        (lambda document: document.update(predicate=None), "provenance_disagrees"),
    ],
)
def test_provenance_of_something_else_is_found(folder: Path, change: Change, kind: str) -> None:
    assert set(kinds(folder, made(folder, change), *BOTH)) == {kind}


def test_provenance_of_the_newer_version_is_read_too(folder: Path) -> None:
    def newer(document: dict[str, Any]) -> None:
        arguments = document["predicate"].pop("invocation")["parameters"]["args"]
        document["predicate"]["buildDefinition"] = {"externalParameters": {"request": {"args": arguments}}}

    assert kinds(folder, made(folder, newer), *BOTH) == []


def _without_numpy(document: dict[str, Any]) -> None:
    document["components"] = [each for each in document["components"] if each["name"] != "numpy"]


def _with_more(document: dict[str, Any]) -> None:
    document["components"].append({"type": "library", "name": "x", "purl": "pkg:pypi/x@1"})


def _of_another(document: dict[str, Any]) -> None:
    document["metadata"]["component"]["hashes"][0]["content"] = "c" * 64


def _of_another_revision(document: dict[str, Any]) -> None:
    document["metadata"]["component"]["properties"][0]["value"] = "another"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_without_numpy, "package_unlisted"),
        (_with_more, "package_unknown"),
        (_of_another, "bill_of_another"),
        (_of_another_revision, "bill_disagrees"),
        (lambda document: document.clear(), "bill_unreadable"),
    ],
)
def test_a_bill_that_does_not_agree_with_the_layers_is_found(folder: Path, change: Change, kind: str) -> None:
    digest = made(folder)
    rewrite_bill(folder, digest, change)
    assert kinds(folder, digest, *BOTH) == [kind]


def test_a_bill_is_attached_once(folder: Path) -> None:
    digest = made(folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    made(folder)
    after = {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    before.pop("index.json")
    assert before.items() <= after.items()
    assert kinds(folder, digest, *BOTH) == []
