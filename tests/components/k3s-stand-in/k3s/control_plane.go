package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const (
	serviceRange = "10.43.0.0/16"
	podRange     = "10.42.0.0/16"
)

// issueCertificates sees to all that this server itself needs, at every start.
func (s *server) issueCertificates() error {
	if err := s.member.issueCertificates(s.node); err != nil {
		return err
	}
	own := append([]string{
		"127.0.0.1", "localhost", "10.43.0.1", s.node, s.address, s.options.text("advertise-address", ""),
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}, s.options["tls-san"]...)
	admins := []string{"system:masters"}
	wishes := map[string]map[string]subject{
		"server-ca": {"serving-kube-apiserver": {name: "kube-apiserver", addresses: own, isServer: true}},
		"client-ca": {
			"client-admin":          {name: "system:admin", organizations: admins},
			"client-kube-apiserver": {name: "system:apiserver", organizations: admins},
			"client-controller":     {name: "system:kube-controller-manager"},
			"client-scheduler":      {name: "system:kube-scheduler"},
			"client-metrics-server": {name: "system:metrics-server"},
		},
		"request-header-ca": {"client-auth-proxy": {name: "system:auth-proxy"}},
	}
	for signer, certificates := range wishes {
		authority, err := loadAuthority(s.folder.tls(signer))
		if err != nil {
			return err
		}
		for name, to := range certificates {
			if err := authority.issue(s.folder.tls(name), to); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeKubeconfigs writes those of the programs, and the one people use.
func (s *server) writeKubeconfigs() error {
	for _, name := range []string{"admin", "controller", "scheduler", "metrics-server"} {
		content, err := s.kubeconfig("client-"+name, apiServerPort)
		if err != nil {
			return err
		}
		if err := write(s.folder.cred(name+".kubeconfig"), content); err != nil {
			return err
		}
	}
	content, err := s.kubeconfig("client-admin", "6443")
	if err != nil {
		return err
	}
	mode, err := strconv.ParseUint(s.options.text("write-kubeconfig-mode", "600"), 8, 32)
	if err != nil {
		return fmt.Errorf("write-kubeconfig-mode: %w", err)
	}
	return writeAs(s.options.text("write-kubeconfig", defaultKubeconfig), content, os.FileMode(mode))
}

func (s *server) kubeconfig(certificate, port string) ([]byte, error) {
	encoded := map[string]string{}
	for _, name := range []string{"server-ca.crt", certificate + ".crt", certificate + ".key"} {
		content, err := os.ReadFile(s.folder.tls(name))
		if err != nil {
			return nil, err
		}
		encoded[name] = base64.StdEncoding.EncodeToString(content)
	}
	cluster := map[string]any{
		"server":                     "https://" + net.JoinHostPort("127.0.0.1", port),
		"certificate-authority-data": encoded["server-ca.crt"],
	}
	user := map[string]any{
		"client-certificate-data": encoded[certificate+".crt"],
		"client-key-data":         encoded[certificate+".key"],
	}
	return kubeconfigOf(cluster, user)
}

func kubeconfigOf(cluster, user map[string]any) ([]byte, error) {
	both := map[string]any{"cluster": "default", "user": "default"}
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "default", "preferences": map[string]any{},
		"clusters": []any{map[string]any{"name": "default", "cluster": cluster}},
		"users":    []any{map[string]any{"name": "default", "user": user}},
		"contexts": []any{map[string]any{"name": "default", "context": both}},
	})
}

func clientFrom(kubeconfig string) (kubernetes.Interface, error) {
	settings, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(settings)
}

// patience is with hosts that share few processors: k3s, too, ends when it loses its lease, but after 10 s.
var patience = []string{
	"--leader-elect-lease-duration=30s", "--leader-elect-renew-deadline=25s", "--leader-elect-retry-period=4s",
}

func (s *server) startAPIServer() error {
	services := s.options.text("service-cidr", serviceRange)
	return s.programs.start("kube-apiserver", s.apiServerArguments(services)...)
}

// startControllers starts what needs the API: it would give up where it finds none.
func (s *server) startControllers() error {
	services, pods := s.options.text("service-cidr", serviceRange), s.options.text("cluster-cidr", podRange)
	controllers := []string{
		"--kubeconfig=" + s.folder.cred("controller.kubeconfig"),
		"--authentication-kubeconfig=" + s.folder.cred("controller.kubeconfig"),
		"--authorization-kubeconfig=" + s.folder.cred("controller.kubeconfig"), "--bind-address=127.0.0.1",
		"--secure-port=10257",
		"--service-account-private-key-file=" + s.folder.tls("service.key"),
		"--root-ca-file=" + s.folder.tls("server-ca.crt"),
		"--cluster-signing-cert-file=" + s.folder.tls("client-ca.crt"),
		"--cluster-signing-key-file=" + s.folder.tls("client-ca.key"),
		"--use-service-account-credentials=true", "--allocate-node-cidrs=true", "--cluster-cidr=" + pods,
		"--service-cluster-ip-range=" + services,
		"--controllers=*,tokencleaner,-service-lb-controller,-node-route-controller", "--profiling=false",
	}
	controllers = with(append(controllers, patience...), s.options["kube-controller-manager-arg"])
	if err := s.programs.start("kube-controller-manager", controllers...); err != nil {
		return err
	}
	if s.options.truth("disable-scheduler") {
		return nil
	}
	scheduler := []string{
		"--kubeconfig=" + s.folder.cred("scheduler.kubeconfig"),
		"--authentication-kubeconfig=" + s.folder.cred("scheduler.kubeconfig"),
		"--authorization-kubeconfig=" + s.folder.cred("scheduler.kubeconfig"), "--bind-address=127.0.0.1",
		"--secure-port=10259", "--profiling=false",
	}
	return s.programs.start("kube-scheduler", with(append(scheduler, patience...), s.options["kube-scheduler-arg"])...)
}

// apiServerArguments are those k3s gives it, as far as they have a meaning here.
func (s *server) apiServerArguments(services string) []string {
	tls := s.folder.tls
	arguments := []string{
		"--bind-address=127.0.0.1", "--secure-port=" + apiServerPort,
		"--advertise-address=" + s.options.text("advertise-address", s.address),
		"--allow-privileged=true", "--anonymous-auth=false", "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + tls("client-ca.crt"), "--tls-cert-file=" + tls("serving-kube-apiserver.crt"),
		"--tls-private-key-file=" + tls("serving-kube-apiserver.key"),
		"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile=" + tls("etcd/server-ca.crt"),
		"--etcd-certfile=" + tls("etcd/client.crt"), "--etcd-keyfile=" + tls("etcd/client.key"),
		"--kubelet-certificate-authority=" + tls("server-ca.crt"),
		"--kubelet-client-certificate=" + tls("client-kube-apiserver.crt"),
		"--kubelet-client-key=" + tls("client-kube-apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname", "--profiling=false",
		"--enable-aggregator-routing=true",
		"--proxy-client-cert-file=" + tls("client-auth-proxy.crt"),
		"--proxy-client-key-file=" + tls("client-auth-proxy.key"),
		"--requestheader-client-ca-file=" + tls("request-header-ca.crt"),
		"--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + tls("service.key"),
		"--service-account-signing-key-file=" + tls("service.key"),
		"--service-cluster-ip-range=" + services,
		"--service-node-port-range=" + s.options.text("service-node-port-range", "30000-32767"),
		"--storage-backend=etcd3",
	}
	if s.programs.runContainers() {
		arguments = append(arguments, "--endpoint-reconciler-type=none") // pods come by port 6443 (service.go)
	}
	if exists(s.folder.cred("encryption-config.json")) {
		arguments = append(arguments, "--encryption-provider-config="+s.folder.cred("encryption-config.json"))
	}
	return with(arguments, s.options["kube-apiserver-arg"])
}

// with puts a person's own arguments in the place of ours, as k3s does; NAME+= or NAME-= are not known here.
func with(arguments, own []string) []string {
	set := map[string]bool{}
	for _, each := range own {
		name, _, _ := strings.Cut(strings.TrimLeft(each, "-"), "=")
		set[name] = true
	}
	var all []string
	for _, each := range arguments {
		if name, _, _ := strings.Cut(strings.TrimLeft(each, "-"), "="); !set[name] {
			all = append(all, each)
		}
	}
	for _, each := range own {
		all = append(all, "--"+strings.TrimLeft(each, "-"))
	}
	return all
}
