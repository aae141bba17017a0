"""A Kubernetes cluster that is there already, reached through its kubeconfig."""

from kvx.phases.images import images
from kvx.phases.later import later
from kvx.phases.verify import verify

PHASES = (images, later("manifests"), verify)
