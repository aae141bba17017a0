"""A Kubernetes cluster that is there already, reached through its kubeconfig."""

from kvx.phases.images import images
from kvx.phases.manifests import manifests
from kvx.phases.verify import verify_cluster

PHASES = (images, manifests(made=False), verify_cluster(made=False))
