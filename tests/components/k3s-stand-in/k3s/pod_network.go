package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// As flannel does it: pods of other nodes are behind a VXLAN on the nodes' private network. Its addresses follow from
// the nodes' own, so that nobody has to tell them. Each pod has a line of its own to its node, and no bridge.
const (
	tunnel        = "flannel.1"
	tunnelPort    = "8472"
	networkPeriod = 2 * time.Second
	podMTU        = 1400 // what the private network takes, less the VXLAN's own
	translation   = `table ip k3s_pods
delete table ip k3s_pods
table ip k3s_pods {
  chain out {
    type nat hook postrouting priority srcnat;
    ip saddr %[1]s ip daddr != %[1]s masquerade
  }
}
`
)

// layNetwork waits until the node has its range of addresses, and makes the way to and from its pods.
func (a *agent) layNetwork(ctx context.Context, client kubernetes.Interface) error {
	var own string
	err := within(ctx, containersLimit, "the node's range of addresses", func(ctx context.Context) error {
		node, err := client.CoreV1().Nodes().Get(ctx, a.node, metav1.GetOptions{})
		if err == nil && node.Spec.PodCIDR == "" {
			err = fmt.Errorf("the node has none yet")
		}
		if err == nil {
			own = node.Spec.PodCIDR
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := a.writeNetwork(own); err != nil {
		return err
	}
	ranges := a.options.text("cluster-cidr", podRange)
	if err := told("nft", fmt.Sprintf(translation, ranges), "-f", "-"); err != nil {
		return err
	}
	return a.layTunnel(own)
}

// writeNetwork tells containerd, and so the kubelet, that pods may come.
func (a *agent) writeNetwork(own string) error {
	addresses := map[string]any{
		"type": "host-local", "dataDir": "/var/lib/cni/networks",
		"ranges": [][]map[string]string{{{"subnet": own}}}, "routes": []map[string]string{{"dst": "0.0.0.0/0"}},
	}
	content, err := json.Marshal(map[string]any{
		"cniVersion": "1.0.0", "name": "pods",
		"plugins": []any{map[string]any{"type": "ptp", "ipMasq": false, "mtu": podMTU, "ipam": addresses}},
	})
	if err != nil {
		return err
	}
	return write(a.folder.agent("etc", "cni", "net.d", "10-pods.conflist"), content)
}

func (a *agent) layTunnel(own string) error {
	device := a.options.text("flannel-iface", "")
	if device == "" {
		return fmt.Errorf("the stand-in's network between nodes needs flannel-iface")
	}
	_ = ip("link", "delete", tunnel) // of a k3s before
	commands := [][]string{
		{"link", "add", tunnel, "address", hardwareAddress(a.address), "mtu", fmt.Sprint(podMTU), "type", "vxlan",
			"id", "1", "dev", device, "local", a.address, "dstport", tunnelPort, "nolearning"},
		{"address", "add", firstOf(own) + "/32", "dev", tunnel},
		{"link", "set", tunnel, "up"},
	}
	for _, words := range commands {
		if err := ip(words...); err != nil {
			return err
		}
	}
	return nil
}

// keepNetwork knows the ways to the pods of all other nodes, until it is stopped; a kubelet may not see those.
func (a *agent) keepNetwork(ctx context.Context, client kubernetes.Interface) error {
	known := map[string]string{}
	for {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil {
			err = a.leadTo(nodes.Items, known)
		}
		if err != nil {
			say("the ways to other nodes cannot be looked at: %v", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(networkPeriod):
		}
	}
}

func (a *agent) leadTo(nodes []corev1.Node, known map[string]string) error {
	present := map[string]bool{}
	for _, node := range nodes {
		address := addressOf(node)
		if node.Name == a.node || address == "" || node.Spec.PodCIDR == "" {
			continue
		}
		present[node.Spec.PodCIDR] = true
		if known[node.Spec.PodCIDR] == address {
			continue
		}
		if err := leadToOne(address, node.Spec.PodCIDR); err != nil {
			return err
		}
		known[node.Spec.PodCIDR] = address
	}
	for pods := range known {
		if !present[pods] {
			_ = ip("route", "delete", pods)
			delete(known, pods)
		}
	}
	return nil
}

func leadToOne(address, pods string) error {
	hardware, gateway := hardwareAddress(address), firstOf(pods)
	if err := told("bridge", "", "fdb", "replace", hardware, "dev", tunnel, "dst", address, "self", "permanent"); err != nil {
		return err
	}
	if err := ip("neigh", "replace", gateway, "lladdr", hardware, "dev", tunnel, "nud", "permanent"); err != nil {
		return err
	}
	return ip("route", "replace", pods, "via", gateway, "dev", tunnel, "onlink")
}

// hardwareAddress is a node's in the VXLAN.
func hardwareAddress(address string) string {
	bytes := net.ParseIP(address).To4()
	return fmt.Sprintf("0a:42:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3])
}

func firstOf(pods string) string {
	address, _, _ := strings.Cut(pods, "/")
	return address
}

func ip(words ...string) error { return told("ip", "", words...) }

func told(program, text string, words ...string) error {
	command := exec.Command(program, words...)
	command.Stdin = strings.NewReader(text)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(words, " "), err, said)
	}
	return nil
}
