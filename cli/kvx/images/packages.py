"""The packages in an image, as they say themselves: Python's in *.dist-info, Debian's in dpkg's list."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import PurePosixPath
from urllib.parse import quote

LARGEST_BYTES = 16 << 20
_STATUS = "/var/lib/dpkg/status"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One that is installed; `kind` is its type as a package URL has it, pypi or deb."""

    kind: str
    name: str
    version: str
    architecture: str = ""
    licence: str = ""
    path: str = ""

    @property
    def url(self) -> str:
        """https://github.com/package-url/purl-spec: how everybody calls it."""
        space, architecture = ("debian/", f"?arch={self.architecture}") if self.kind == "deb" else ("", "")
        name = quote(_normal(self.name) if self.kind == "pypi" else self.name.lower())
        return f"pkg:{self.kind}/{space}{name}@{quote(self.version).replace('%3A', ':')}{architecture}"


def tells_packages(path: str) -> bool:
    """Whether the file of that path in an image says which packages there are."""
    pure = PurePosixPath(path)
    if pure.name == "METADATA" and pure.parent.suffix == ".dist-info":
        return True
    # Without a package manager the images of distroless have a file for each package.
    return path == _STATUS or (str(pure.parent) == f"{_STATUS}.d" and pure.suffix != ".md5sums")


def packages_in(path: str, content: bytes) -> tuple[Package, ...]:
    """What such a file says; nothing for one that says it in no known way."""
    if path.startswith(_STATUS):
        return tuple(_of_debian(path, content))
    head = BytesHeaderParser().parsebytes(content)
    name, version = head.get("Name"), head.get("Version")
    if not name or not version:
        return ()
    licence = head.get("License-Expression") or _short(head.get("License")) or _classified(head)
    return (Package("pypi", str(name).strip(), str(version).strip(), "", str(licence), path),)


def _of_debian(path: str, content: bytes) -> Iterator[Package]:
    for paragraph in re.split(rb"\n\s*\n", content):
        head = BytesHeaderParser().parsebytes(paragraph.strip() + b"\n\n")
        state = str(head.get("Status", "install ok installed"))
        if head.get("Package") and head.get("Version") and state.endswith(" installed"):
            yield Package(
                "deb",
                str(head["Package"]),
                str(head["Version"]),
                str(head.get("Architecture", "")),
                path=path,
            )


def _classified(head: Iterable[str]) -> str:
    """The licences among the classifiers, their last words."""
    rows = head.get_all("Classifier") if hasattr(head, "get_all") else None
    names = (str(row).rpartition(" :: ")[2] for row in rows or () if str(row).startswith("License ::"))
    return ", ".join(names)


def _short(licence: str | None) -> str:
    """Some put the whole text there, which is no name."""
    text = (licence or "").strip()
    return text if len(text) <= 100 and "\n" not in text else ""


def _normal(name: str) -> str:
    """https://peps.python.org/pep-0503/#normalized-names, as package URLs want it."""
    return re.sub(r"[-_.]+", "-", name).lower()
