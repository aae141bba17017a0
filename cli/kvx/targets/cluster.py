"""A Kubernetes cluster that is there already, reached through its kubeconfig."""

from kvx.phases.later import later
from kvx.phases.verify import verify

PHASES = (later("images"), later("manifests"), verify)
