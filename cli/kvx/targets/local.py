"""This machine: the voice API as a supervised process, without account, cluster or Docker."""

from kvx.phases.service import service
from kvx.phases.verify import verify

PHASES = (service, verify)
