"""ARM64 machines at Hetzner, made, configured and filled by kvx."""

from kvx.phases.configure import configure
from kvx.phases.images import images
from kvx.phases.later import later
from kvx.phases.provision import provision
from kvx.phases.verify import verify

PHASES = (provision, configure, images, later("manifests"), verify)
