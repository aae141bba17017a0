"""One target, and every path its phases share."""

from dataclasses import dataclass
from pathlib import Path

from kvx.settings import Settings


@dataclass(frozen=True, slots=True)
class Deployment:
    """A target of `kvx deploy` with its settings; the hand-over files lie under `folder`."""

    target: str
    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.folder / ".kvx" / self.target

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def lock(self) -> Path:
        return self.folder / "lock.json"

    @property
    def last_report(self) -> Path:
        return self.folder / "report.json"

    @property
    def service_settings(self) -> Path:
        """Settings of the voice API, as the service phase hands them over."""
        return self.folder / "voice-api.toml"

    @property
    def sources(self) -> Path:
        """The repository, of which the images are built."""
        return Path(__file__).parents[2]

    @property
    def images(self) -> Path:
        """The images that were proven, by digest."""
        return self.folder / "images.json"

    @property
    def terraform_source(self) -> Path:
        """Terraform's files as the repository holds them."""
        return Path(__file__).parents[2] / "terraform"

    @property
    def ansible_source(self) -> Path:
        """Playbooks and roles as the repository holds them."""
        return Path(__file__).parents[2] / "ansible"

    @property
    def kubernetes_source(self) -> Path:
        """Base, components and overlays as the repository holds them."""
        return Path(__file__).parents[2] / "k8s"
