"""Rules over Kubernetes manifests, of kvx or of anybody: values in, findings out."""
