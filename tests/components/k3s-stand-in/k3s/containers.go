package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
)

// A k3s that carries containerd runs pods by the real kubelet, with kube-proxy, a network between the nodes
// (pod_network.go), and what keeps NetworkPolicies; one without says of its pods that they run (kubelet.go).
const (
	containerdFolder = "/run/k3s/containerd"
	containerdSocket = containerdFolder + "/containerd.sock"
	containersLimit  = 2 * time.Minute
	pauseImage       = "localhost/pause:tests"
	namesService     = "10.43.0.10"
)

func (f *family) path(name string) string { return filepath.Join(f.folder, name) }

func (f *family) runContainers() bool { return exists(f.path("containerd")) }

func (a *agent) runContainers(ctx context.Context, client kubernetes.Interface) error {
	if err := a.configureContainers(); err != nil {
		return err
	}
	if err := a.programs.start("containerd", "--config", a.folder.agent("etc", "containerd", "config.toml")); err != nil {
		return err
	}
	if err := a.takeImages(ctx); err != nil {
		return err
	}
	if err := a.programs.start("kubelet", a.kubeletArguments()...); err != nil {
		return err
	}
	if err := a.layNetwork(ctx, client); err != nil {
		return err
	}
	for _, stale := range []string{"ip", "ip6"} { // nft 1.0.6 does not tell kube-proxy of 1.34 all that is in them
		_ = told("nft", "", "delete", "table", stale, "kube-proxy")
	}
	if err := a.programs.start("kube-proxy", "--config="+a.folder.agent("etc", "kube-proxy.json")); err != nil {
		return err
	}
	if err := a.programs.start("policies", "--kubeconfig="+a.folder.agent("k3s-controller.kubeconfig")); err != nil {
		return err
	}
	controller, err := clientFrom(a.folder.agent("k3s-controller.kubeconfig"))
	if err != nil {
		return err
	}
	return a.keepNetwork(ctx, controller)
}

// takeImages puts those that k3s brings onto the node, before a pod wants one.
func (a *agent) takeImages(ctx context.Context) error {
	err := within(ctx, containersLimit, "containerd", func(ctx context.Context) error {
		_, err := a.ctr(ctx, "version")
		return err
	})
	if err != nil {
		return err
	}
	archives, err := filepath.Glob(a.programs.path("*.tar"))
	for _, archive := range archives {
		if _, err := a.ctr(ctx, "images", "import", archive); err != nil {
			return err
		}
	}
	return err
}

func (a *agent) ctr(ctx context.Context, words ...string) (string, error) {
	return a.programs.output(ctx, "ctr", append([]string{"--address", containerdSocket, "--namespace", "k8s.io"}, words...)...)
}

// becomeCtr is `k3s ctr`: containerd's own program, for the images of Kubernetes.
func becomeCtr(arguments []string) error {
	folder, err := unpack()
	if err != nil {
		return err
	}
	program := filepath.Join(folder, "ctr")
	if !exists(program) {
		return errors.New("ctr: this stand-in runs no containers")
	}
	environment := append(os.Environ(), "CONTAINERD_ADDRESS="+containerdSocket, "CONTAINERD_NAMESPACE=k8s.io")
	return syscall.Exec(program, append([]string{"ctr"}, arguments...), environment)
}

func (a *agent) configureContainers() error {
	files := map[string]string{
		a.folder.agent("etc", "containerd", "config.toml"): fmt.Sprintf(
			containerdConfiguration, a.folder.agent("containerd"), containerdFolder, containerdSocket, pauseImage,
			a.programs.folder, a.folder.agent("etc", "cni", "net.d"), a.programs.path("runc"),
		),
	}
	for name, content := range map[string]map[string]any{
		"kubelet.json": a.kubeletConfiguration(), "kube-proxy.json": a.proxyConfiguration(),
	} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return err
		}
		files[a.folder.agent("etc", name)] = string(text)
	}
	for path, content := range files {
		if err := write(path, []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// Without CAP_SYS_RESOURCE, which a host may not have, nobody can be spared from the killer.
const containerdConfiguration = `version = 2
root = %q
state = %q
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "10010"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = %q
`
