"""What is refused, in words a person can act on, before anything is made."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Hetzner, Workspace

EXAMPLE = Path(__file__).parents[2] / "terraform" / "terraform.tfvars.example"

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (
            {"allowed_addresses": ["203.0.113.7/32", "0.0.0.0/0"]},
            "Name your own addresses, or set open_to_the_world = true",
        ),
        (
            {"pools": {"workers": {"type": "cpx11", "count": 1, "location": "ash"}}},
            "ash, which is not in eu-central, where the network is. There are: fsn1, hel1, nbg1.",
        ),
        (
            {"load_balancer": {"location": "ash"}},
            "The load balancer is to stand in ash, which is not in eu-central",
        ),
        (
            {"control_plane": {"type": "cax11", "count": 2, "location": "nbg1"}},
            "control_plane.count is 1 or 3",
        ),
        ({"network_range": "10.0.1.0/16"}, "write 10.0.0.0/16"),
        ({"subnet_range": "10.9.0.0/20"}, "subnet_range does not lie inside network_range (10.0.0.0/16)"),
    ],
)
def test_a_refusal_says_what_to_write(
    workspace: "Workspace", hetzner: "Hetzner", wish: dict[str, object], words: str
) -> None:
    workspace.wish(**wish)
    assert words in workspace.refused("plan", "-input=false")
    assert hetzner.writes() == []


def test_a_missing_host_key_is_named_with_the_command_that_makes_it(workspace: "Workspace") -> None:
    (workspace.folder / "host-keys" / "workers-2").unlink()
    assert "ssh-keygen -t ed25519 -N '' -f host-keys/workers-2" in workspace.refused("plan", "-input=false")


def test_a_host_key_that_makes_cloud_init_too_large_is_refused(workspace: "Workspace") -> None:
    (workspace.folder / "host-keys" / "workers-2").write_text("k" * 33_000)
    assert "larger than the 32 KiB Hetzner takes" in workspace.refused("plan", "-input=false")


def test_the_example_is_refused_until_its_key_is_filled_in(workspace: "Workspace") -> None:
    (workspace.folder / "kvx.auto.tfvars.json").unlink()
    example = EXAMPLE.read_text()
    written = workspace.folder / "terraform.tfvars"
    written.write_text(example)
    assert "public keys as in id_ed25519.pub" in workspace.refused("plan", "-input=false")
    written.write_text(example.replace("ssh-ed25519 AAAA... you@here", workspace.host_key("operator")))
    assert "kvx-workers-2" in workspace.done("plan", "-input=false")
