"""ARM64 machines at Hetzner, made, configured and filled by kvx."""

from kvx.phases.later import later
from kvx.phases.verify import verify

PHASES = (later("provision"), later("configure"), later("images"), later("manifests"), verify)
