package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const defaultConfig = "/etc/rancher/k3s/config.yaml"

type kind int

const (
	text kind = iota
	truth
	list
)

// What both kinds of node know, and what only a server knows; as k3s v1.34 does. Anything else is refused.
var (
	nodeFlags = map[kind]string{
		text: `config data-dir token token-file server node-name node-internal-dns node-external-dns resolv-conf
			flannel-iface flannel-conf flannel-cni-conf image-credential-provider-bin-dir
			image-credential-provider-config container-runtime-endpoint image-service-endpoint default-runtime
			pause-image snapshotter private-registry log v vmodule lb-server-port bind-address
			system-default-registry vpn-auth vpn-auth-file`,
		truth: `debug alsologtostderr prefer-bundled-bin disable-default-registry-endpoint nonroot-devices selinux
			rootless protect-kernel-defaults docker disable-apiserver-lb with-node-id enable-pprof`,
		list: `node-ip node-external-ip kubelet-arg kube-proxy-arg node-label node-taint airgap-extra-registry`,
	}
	serverFlags = map[kind]string{
		text: `cluster-reset-restore-path advertise-address advertise-port https-listen-port service-node-port-range
			cluster-domain flannel-backend egress-selector-mode servicelb-namespace write-kubeconfig
			write-kubeconfig-mode write-kubeconfig-group agent-token agent-token-file datastore-endpoint
			datastore-cafile datastore-certfile datastore-keyfile etcd-snapshot-name etcd-snapshot-schedule-cron
			etcd-snapshot-retention etcd-snapshot-dir etcd-snapshot-reconcile-interval etcd-s3-endpoint
			etcd-s3-endpoint-ca etcd-s3-access-key etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket
			etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder etcd-s3-proxy etcd-s3-config-secret
			etcd-s3-timeout etcd-s3-retention default-local-storage-path secrets-encryption-provider
			helm-job-image`,
		truth: `cluster-init cluster-reset tls-san-security flannel-ipv6-masq flannel-external-ip kine-tls
			etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify
			etcd-s3-insecure disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy
			disable-helm-controller disable-etcd disable-apiserver disable-controller-manager disable-agent
			embedded-registry supervisor-metrics secrets-encryption`,
		list: `tls-san cluster-cidr service-cidr cluster-dns disable kube-apiserver-arg etcd-arg
			kube-controller-manager-arg kube-scheduler-arg kube-cloud-controller-manager-arg`,
	}
	aliases = map[string]string{
		"t": "token", "s": "server", "d": "data-dir", "c": "config", "o": "write-kubeconfig",
		"name": "etcd-snapshot-name", "dir": "etcd-snapshot-dir",
		"snapshot-retention": "etcd-snapshot-retention", "snapshot-compress": "etcd-snapshot-compress",
		"s3": "etcd-s3",
	}
	fromEnvironment = map[string]string{
		"token": "K3S_TOKEN", "token-file": "K3S_TOKEN_FILE", "server": "K3S_URL",
		"node-name": "K3S_NODE_NAME", "cluster-init": "K3S_CLUSTER_INIT",
		"write-kubeconfig-mode": "K3S_KUBECONFIG_MODE", "etcd-s3-access-key": "AWS_ACCESS_KEY_ID",
		"etcd-s3-secret-key": "AWS_SECRET_ACCESS_KEY",
	}
)

// options are the settings of one command; each has the values it was given, in order.
type options map[string][]string

func (o options) text(name, otherwise string) string {
	if values := o[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return otherwise
}

func (o options) truth(name string) bool {
	value := o.text(name, "false")
	return value == "true" || value == "1"
}

// known is what a command takes, by flag.
func known(tables ...map[kind]string) map[string]kind {
	flags := map[string]kind{}
	for _, table := range tables {
		for each, names := range table {
			for _, name := range strings.Fields(names) {
				flags[name] = each
			}
		}
	}
	return flags
}

// readOptions takes flags before the environment, and both before the configuration files.
func readOptions(arguments []string, flags map[string]kind) (options, []string, error) {
	given, rest, err := readFlags(arguments, flags)
	if err != nil {
		return nil, nil, err
	}
	for name, variable := range fromEnvironment {
		if _, isFlag := flags[name]; isFlag && len(given[name]) == 0 && os.Getenv(variable) != "" {
			given[name] = []string{os.Getenv(variable)}
		}
	}
	configured, err := readConfiguration(given.text("config", defaultConfig), flags)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range configured {
		if len(given[name]) == 0 {
			given[name] = values
		}
	}
	return given, rest, nil
}

func readFlags(arguments []string, flags map[string]kind) (options, []string, error) {
	given, rest := options{}, []string{}
	for i := 0; i < len(arguments); i++ {
		if !strings.HasPrefix(arguments[i], "-") {
			rest = append(rest, arguments[i])
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(arguments[i], "-"), "=")
		name = fullName(name, flags)
		each, isFlag := flags[name]
		switch {
		case !isFlag:
			return nil, nil, fmt.Errorf("flag provided but not defined: -%s", name)
		case each == truth && !hasValue:
			value = "true"
		case !hasValue && i+1 == len(arguments):
			return nil, nil, fmt.Errorf("flag needs an argument: -%s", name)
		case !hasValue:
			i++
			value = arguments[i]
		}
		given[name] = append(given[name], value)
	}
	return given, rest, nil
}

func fullName(name string, flags map[string]kind) string {
	if _, isFlag := flags[name]; isFlag {
		return name
	}
	if full, isAlias := aliases[name]; isAlias {
		return full
	}
	return name
}

// readConfiguration reads config.yaml, then config.yaml.d; a key with a plus adds to what came before.
func readConfiguration(path string, flags map[string]kind) (options, error) {
	more, err := filepath.Glob(path + ".d/*.yaml")
	if err != nil {
		return nil, err
	}
	sort.Strings(more)
	read := options{}
	for _, file := range append([]string{path}, more...) {
		if err := addConfiguration(read, file, flags); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func addConfiguration(read options, file string, flags map[string]kind) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var settings map[string]any
	if err := yaml.Unmarshal(content, &settings); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for key, value := range settings {
		name := fullName(strings.TrimSuffix(key, "+"), flags)
		if _, isFlag := flags[name]; !isFlag {
			return fmt.Errorf("%s: flag provided but not defined: -%s", file, name)
		}
		if !strings.HasSuffix(key, "+") {
			read[name] = nil
		}
		read[name] = append(read[name], asTexts(value)...)
	}
	return nil
}

func asTexts(value any) []string {
	if values, isList := value.([]any); isList {
		var texts []string
		for _, each := range values {
			texts = append(texts, fmt.Sprint(each))
		}
		return texts
	}
	return []string{fmt.Sprint(value)}
}
