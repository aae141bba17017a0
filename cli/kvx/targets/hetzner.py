"""ARM64 machines at Hetzner, made, configured and filled by kvx."""

from kvx.phases.configure import configure
from kvx.phases.images import images_onto_nodes
from kvx.phases.manifests import manifests
from kvx.phases.provision import provision
from kvx.phases.verify import verify_cluster

PHASES = (provision, configure, images_onto_nodes, manifests(made=True), verify_cluster(made=True))
