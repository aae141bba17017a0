package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

const metricsPort = "4443"

// addWhatIsBundled gives the cluster names and figures, as k3s does by itself: CoreDNS in a pod, and metrics-server,
// which runs beside the API server here.
func (s *server) addWhatIsBundled(ctx context.Context) {
	if err := s.bundle(ctx); err != nil && ctx.Err() == nil {
		say("what k3s brings along is not all there: %v", err)
	}
}

func (s *server) bundle(ctx context.Context) error {
	templates, err := filepath.Glob(s.programs.path("*.yaml"))
	if err != nil {
		return err
	}
	words := strings.NewReplacer("@ADDRESS@", s.address, "@NAMES@", namesService, "@METRICS_PORT@", metricsPort)
	for _, template := range templates {
		content, err := os.ReadFile(template)
		if err != nil {
			return err
		}
		path := s.folder.server("manifests", filepath.Base(template))
		if err := write(path, []byte(words.Replace(string(content)))); err != nil {
			return err
		}
		err = within(ctx, containersLimit, path, func(ctx context.Context) error {
			return s.kubectl(ctx, "admin", "apply", "--server-side", "--force-conflicts", "-f", path)
		})
		if err != nil {
			return err
		}
	}
	return s.measure(ctx)
}

// measure starts metrics-server, which ends where its rights are not known yet.
func (s *server) measure(ctx context.Context) error {
	err := within(ctx, containersLimit, "the rights of metrics-server", func(ctx context.Context) error {
		question := []string{"auth", "can-i", "get", "configmaps/extension-apiserver-authentication", "-n", "kube-system"}
		return s.kubectl(ctx, "metrics-server", question...)
	})
	if err != nil {
		return err
	}
	own := s.folder.cred("metrics-server.kubeconfig")
	return s.programs.start("metrics-server",
		"--kubeconfig="+own, "--authentication-kubeconfig="+own, "--authorization-kubeconfig="+own,
		"--secure-port="+metricsPort, "--cert-dir="+s.folder.server("metrics"), "--kubelet-insecure-tls",
		"--kubelet-use-node-status-port", "--kubelet-preferred-address-types=InternalIP",
		"--metric-resolution=10s", "--kubelet-request-timeout=8s",
	)
}

func (s *server) kubectl(ctx context.Context, user string, words ...string) error {
	_, err := s.programs.output(ctx, "kubectl", append([]string{"--kubeconfig=" + s.folder.cred(user+".kubeconfig")}, words...)...)
	return err
}
