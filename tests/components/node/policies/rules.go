package main

import (
	"fmt"
	"sort"
	"strings"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const table = "kvx_policies"

// cluster is all that decides what may pass.
type cluster struct {
	pods       []*core.Pod
	namespaces []*core.Namespace
	policies   []*networking.NetworkPolicy
}

// way is one direction of the traffic of a pod: who it is selected by, and which rules let something through.
type way struct {
	kind     networking.PolicyType
	pod      string // how nft calls the address of the pod that is isolated
	other    string // and that of the other side
	allowing map[string][]string
}

// rules are nft's commands that put one table in the place of the last. Addresses are those of pods: Services
// were translated before. The node itself may always speak to its pods, as the standard has it.
func (c cluster) rules() string {
	out := way{networking.PolicyTypeEgress, "ip saddr", "ip daddr", map[string][]string{}}
	in := way{networking.PolicyTypeIngress, "ip daddr", "ip saddr", map[string][]string{}}
	for _, policy := range c.policies {
		for _, pod := range c.selected(policy) {
			c.add(in, policy, pod)
			c.add(out, policy, pod)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "add table ip %[1]s\ndelete table ip %[1]s\ntable ip %[1]s {\n", table)
	out.chains(&text, "out")
	in.chains(&text, "in")
	known := "ct state established,related accept; "
	jumps := func(w way, name string) string {
		return fmt.Sprintf("%s vmap { %s };", w.pod, strings.Join(w.verdicts(name), ", "))
	}
	leaving, arriving := "", ""
	if len(out.allowing) > 0 {
		leaving = jumps(out, "out")
	}
	if len(in.allowing) > 0 {
		arriving = jumps(in, "in")
	}
	fmt.Fprintf(&text, "chain passing { type filter hook forward priority filter - 5; %s%s%s }\n", known, leaving, arriving)
	fmt.Fprintf(&text, "chain to_the_node { type filter hook input priority filter - 5; %s%s }\n}\n", known, leaving)
	return text.String()
}

func (w way) verdicts(name string) (verdicts []string) {
	for _, address := range sorted(w.allowing) {
		verdicts = append(verdicts, fmt.Sprintf("%s : jump %s_%s", address, name, chain(address)))
	}
	return verdicts
}

func (w way) chains(text *strings.Builder, name string) {
	for _, address := range sorted(w.allowing) {
		fmt.Fprintf(text, "chain %s_%s {\n", name, chain(address))
		lines := append([]string{}, w.allowing[address]...)
		sort.Strings(lines)
		for _, line := range lines {
			fmt.Fprintf(text, "  %s return\n", line)
		}
		text.WriteString("  counter drop\n}\n")
	}
}

func (c cluster) selected(policy *networking.NetworkPolicy) (pods []*core.Pod) {
	wanted := selector(&policy.Spec.PodSelector)
	for _, pod := range c.pods {
		if pod.Namespace == policy.Namespace && wanted.Matches(labels.Set(pod.Labels)) && hasAddress(pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// add notes what a policy lets through for one pod it selects; a direction it names and lets nothing through is shut.
func (c cluster) add(w way, policy *networking.NetworkPolicy, pod *core.Pod) {
	if !names(policy, w.kind) {
		return
	}
	address := pod.Status.PodIP
	lines := w.allowing[address]
	if w.kind == networking.PolicyTypeIngress {
		for _, rule := range policy.Spec.Ingress {
			for _, side := range c.sides(policy.Namespace, rule.From) {
				lines = append(lines, matches(w.other, side, rule.Ports, pod)...)
			}
		}
	} else {
		for _, rule := range policy.Spec.Egress {
			for _, side := range c.sides(policy.Namespace, rule.To) {
				lines = append(lines, matches(w.other, side, rule.Ports, side.pod)...)
			}
		}
	}
	w.allowing[address] = lines
}

// side is somebody on the other end: a range of addresses, one pod, or anybody.
type side struct {
	addresses string
	except    []string
	pod       *core.Pod
}

func (c cluster) sides(namespace string, peers []networking.NetworkPolicyPeer) (sides []side) {
	if len(peers) == 0 {
		return []side{{}}
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if !strings.Contains(peer.IPBlock.CIDR, ":") { // pods have IPv4 addresses only
				sides = append(sides, side{addresses: peer.IPBlock.CIDR, except: peer.IPBlock.Except})
			}
			continue
		}
		for _, pod := range c.pods {
			if hasAddress(pod) && c.within(namespace, peer.NamespaceSelector, pod) && fits(peer.PodSelector, pod) {
				sides = append(sides, side{addresses: pod.Status.PodIP, pod: pod})
			}
		}
	}
	return sides
}

func (c cluster) within(own string, wanted *meta.LabelSelector, pod *core.Pod) bool {
	if wanted == nil {
		return pod.Namespace == own
	}
	for _, namespace := range c.namespaces {
		if namespace.Name == pod.Namespace {
			return selector(wanted).Matches(labels.Set(namespace.Labels))
		}
	}
	return false
}

// matches are nft's words for a side and each of the ports; a port by its name is looked up at who listens.
func matches(other string, s side, ports []networking.NetworkPolicyPort, listener *core.Pod) (lines []string) {
	who := ""
	if s.addresses != "" {
		who = other + " " + s.addresses + " "
	}
	if len(s.except) > 0 {
		who += fmt.Sprintf("%s != { %s } ", other, strings.Join(s.except, ", "))
	}
	if len(ports) == 0 {
		return []string{strings.TrimSpace(who)}
	}
	for _, port := range ports {
		for _, words := range portWords(port, listener) {
			lines = append(lines, who+words)
		}
	}
	return lines
}

func portWords(port networking.NetworkPolicyPort, listener *core.Pod) []string {
	protocol := "tcp"
	if port.Protocol != nil {
		protocol = strings.ToLower(string(*port.Protocol))
	}
	switch {
	case port.Port == nil:
		return []string{"meta l4proto " + protocol}
	case port.Port.Type == intstr.String:
		return named(port.Port.StrVal, protocol, listener)
	case port.EndPort != nil:
		return []string{fmt.Sprintf("%s dport %d-%d", protocol, port.Port.IntVal, *port.EndPort)}
	}
	return []string{fmt.Sprintf("%s dport %d", protocol, port.Port.IntVal)}
}

func named(name, protocol string, listener *core.Pod) (words []string) {
	if listener == nil {
		return nil
	}
	for _, container := range listener.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name && strings.EqualFold(string(port.Protocol), protocol) {
				words = append(words, fmt.Sprintf("%s dport %d", protocol, port.ContainerPort))
			}
		}
	}
	return words
}

func names(policy *networking.NetworkPolicy, kind networking.PolicyType) bool {
	for _, each := range policy.Spec.PolicyTypes {
		if each == kind {
			return true
		}
	}
	return false
}

func fits(wanted *meta.LabelSelector, pod *core.Pod) bool {
	return wanted == nil || selector(wanted).Matches(labels.Set(pod.Labels))
}

// selector chooses nothing where the API server let something through that cannot be read.
func selector(wanted *meta.LabelSelector) labels.Selector {
	read, err := meta.LabelSelectorAsSelector(wanted)
	if err != nil {
		return labels.Nothing()
	}
	return read
}

func hasAddress(pod *core.Pod) bool {
	over := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
	return pod.Status.PodIP != "" && !pod.Spec.HostNetwork && !over
}

func chain(address string) string { return strings.ReplaceAll(address, ".", "_") }

func sorted(m map[string][]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
