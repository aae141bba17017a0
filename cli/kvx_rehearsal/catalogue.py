"""What can be ordered: server types, load balancer types, images and locations, with their prices.

Prices and server types come from the dated snapshot in kvx.cost. What Hetzner's public pages state and the
snapshot does not (places on the map, images, sizes of load balancers) stands here.
"""

import json
from dataclasses import dataclass
from importlib import resources

from kvx_rehearsal.refusals import invalid, not_found
from kvx_rehearsal.store import Document

# Public documentation, "Locations": description, latitude, longitude.
ON_THE_MAP = {
    "fsn1": ("Falkenstein DC Park 1", 50.47612, 12.370071),
    "nbg1": ("Nuremberg DC Park 1", 49.452102, 11.076665),
    "hel1": ("Helsinki DC Park 1", 60.169855, 24.938379),
    "ash": ("Ashburn, VA", 39.045821, -77.487073),
    "hil": ("Hillsboro, OR", 45.54222, -122.951924),
    "sin": ("Singapore", 1.283333, 103.833333),
}
# Public documentation, "Load Balancer Types": connections, services, targets, certificates.
LOAD_BALANCER_SIZES = {
    "lb11": (10_000, 5, 25, 10),
    "lb21": (20_000, 15, 75, 25),
    "lb31": (40_000, 30, 150, 50),
}
# Public documentation, "Images": the same name exists once per architecture.
IMAGES = (
    ("ubuntu-22.04", "ubuntu", "22.04", 67794396, 103908130),
    ("ubuntu-24.04", "ubuntu", "24.04", 161547269, 161547270),
    ("debian-12", "debian", "12", 114690387, 114690389),
    ("debian-13", "debian", "13", 310557660, 310557661),
    ("rocky-9", "rocky", "9", 70762386, 103908137),
    ("alma-9", "alma", "9", 45559722, 103908141),
    ("fedora-42", "fedora", "42", 232894811, 232894812),
)
# Containers have other words for the same.
HETZNERS = {"amd64": "x86", "arm64": "arm"}
DEFAULT_LOCATIONS = ("fsn1", "nbg1", "hel1")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`unavailable` holds (server type, location) pairs that a scenario has taken off the shelf."""

    snapshot: Document
    unavailable: frozenset[tuple[str, str]] = frozenset()

    def locations(self) -> list[Document]:
        return [_location(place) for place in self.snapshot["locations"]]

    def location(self, wanted: object, field: str = "location") -> Document:
        return _pick(self.locations(), wanted, field)

    def server_types(self) -> list[Document]:
        return [self._server_type(each) for each in self.snapshot["server_types"]]

    def server_type(self, wanted: object) -> Document:
        return _pick(self.server_types(), wanted, "server_type")

    def load_balancer_types(self) -> list[Document]:
        return [_load_balancer_type(each) for each in self.snapshot["pricing"]["load_balancer_types"]]

    def load_balancer_type(self, wanted: object) -> Document:
        return _pick(self.load_balancer_types(), wanted, "load_balancer_type")

    def images(self) -> list[Document]:
        return [_image(image, architecture) for image in IMAGES for architecture in ("x86", "arm")]

    def image(self, wanted: object, architecture: str) -> Document:
        """A name is looked up for the architecture of the server type; an id has to fit it."""
        found = [image for image in self.images() if str(wanted) in (str(image["id"]), image["name"])]
        if not found:
            raise not_found("image", wanted)
        fitting = [image for image in found if image["architecture"] == architecture]
        if not fitting:
            raise invalid("image", f"image architecture is not {architecture}")
        return fitting[0]

    def pricing(self) -> Document:
        """As published; prices that the snapshot does not know are left out, not made up."""
        return dict(self.snapshot["pricing"])

    def sold_in(self, server_type: Document) -> list[str]:
        """Where a server type can be had, the usual places first."""
        names = [place["name"] for place in server_type["locations"] if place["available"]]
        return sorted(names, key=lambda name: (name not in DEFAULT_LOCATIONS, names.index(name)))

    def _server_type(self, entry: Document) -> Document:
        prices = [each for each in self.snapshot["pricing"]["server_types"] if each["name"] == entry["name"]]
        numbers = {place["name"]: place["id"] for place in self.snapshot["locations"]}
        locations = [
            {
                "id": numbers[place["name"]],
                "name": place["name"],
                "recommended": place["recommended"],
                "available": place["available"] and (entry["name"], place["name"]) not in self.unavailable,
                "deprecation": place["deprecation"],
            }
            for place in entry["locations"]
        ]
        # hcloud-go, schema.ServerType: included_traffic here is always 0, it moved to the prices.
        old = {"included_traffic": 0, "deprecated": False, "deprecation": None}
        return {**entry, **old, "prices": prices[0]["prices"] if prices else [], "locations": locations}


def snapshot() -> Document:
    """The dated prices and types that kvx.cost ships."""
    file = resources.files("kvx.cost").joinpath("snapshot.json")
    content: Document = json.loads(file.read_text())
    return content


def made_as(architecture: str, content: Document) -> Document:
    """A snapshot in which every type has the architecture of the machines behind it: nobody is misled."""
    types = [{**each, "architecture": architecture} for each in content["server_types"]]
    return {**content, "server_types": types}


def _pick(entries: list[Document], wanted: object, field: str) -> Document:
    for entry in entries:
        if str(wanted) in (str(entry["id"]), entry["name"]):
            return entry
    raise invalid(field, f"'{wanted}' does not exist")


def _location(place: Document) -> Document:
    description, latitude, longitude = ON_THE_MAP[place["name"]]
    return {
        "id": place["id"],
        "name": place["name"],
        "description": description,
        "country": place["country"],
        "city": place["city"],
        "latitude": latitude,
        "longitude": longitude,
        "network_zone": place["network_zone"],
    }


def _load_balancer_type(entry: Document) -> Document:
    connections, services, targets, certificates = LOAD_BALANCER_SIZES[entry["name"]]
    return {
        "id": entry["id"],
        "name": entry["name"],
        "description": entry["name"].upper(),
        "max_connections": connections,
        "max_services": services,
        "max_targets": targets,
        "max_assigned_certificates": certificates,
        "prices": entry["prices"],
        "deprecated": None,
        "deprecation": None,
    }


def _image(image: tuple[str, str, str, int, int], architecture: str) -> Document:
    name, flavor, version, x86, arm = image
    return {
        "id": x86 if architecture == "x86" else arm,
        "type": "system",
        "status": "available",
        "name": name,
        "description": f"{flavor.capitalize()} {version}",
        "image_size": None,
        "disk_size": 5,
        "created": "2026-01-15T08:00:00+00:00",
        "created_from": None,
        "bound_to": None,
        "os_flavor": flavor,
        "os_version": version,
        "architecture": architecture,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {},
    }
