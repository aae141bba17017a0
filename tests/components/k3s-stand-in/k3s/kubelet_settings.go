package main

import "strings"

// kubeletArguments are the node's own; a person's come last, as with k3s.
func (a *agent) kubeletArguments() []string {
	var labels []string
	for name, value := range a.labels() {
		if !strings.Contains(name, "kubernetes.io/") || strings.HasPrefix(name, "node.kubernetes.io/") {
			labels = append(labels, name+"="+value)
		}
	}
	arguments := []string{
		"--config=" + a.folder.agent("etc", "kubelet.json"),
		"--kubeconfig=" + a.folder.agent("kubelet.kubeconfig"),
		"--hostname-override=" + a.node, "--node-ip=" + a.address, "--node-labels=" + strings.Join(labels, ","),
	}
	if taints := a.options["node-taint"]; len(taints) > 0 {
		arguments = append(arguments, "--register-with-taints="+strings.Join(taints, ","))
	}
	return with(arguments, a.options["kubelet-arg"])
}

func (a *agent) kubeletConfiguration() map[string]any {
	own := a.folder.agent("serving-kubelet")
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": a.folder.agent("client-ca.crt")},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"tlsCertFile":   own + ".crt", "tlsPrivateKeyFile": own + ".key",
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"cgroupDriver":             "cgroupfs", "failCgroupV1": false, "failSwapOn": false,
		"protectKernelDefaults": a.options.truth("protect-kernel-defaults"),
		"resolvConf":            a.options.text("resolv-conf", "/etc/resolv.conf"),
		"clusterDomain":         "cluster.local", "clusterDNS": []string{namesService},
		"nodeStatusUpdateFrequency": "5s", "syncFrequency": "10s",
	}
}

// proxyConfiguration is that of kube-proxy; the machine's table of connections keeps its size.
func (a *agent) proxyConfiguration() map[string]any {
	return map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": map[string]any{"kubeconfig": a.folder.agent("kube-proxy.kubeconfig")},
		"mode":             "nftables", "clusterCIDR": podRange, "hostnameOverride": a.node,
		"conntrack": map[string]any{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
	}
}
