module definitions

go 1.26.0

// Only their YAML is used: the definitions of kinds that are not Kubernetes' own.
require (
	github.com/k3s-io/helm-controller v0.16.13
	github.com/prometheus-operator/prometheus-operator v0.85.0
	k8s.io/autoscaler/vertical-pod-autoscaler v1.8.1
)
