// Every Kubernetes program and etcd's in one file, called by its name, as k3s ships them.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"context"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kubecontrollermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubescheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "etcdctl":
		ctlv3.MustStart()
	default:
		os.Exit(cli.Run(command(name)))
	}
}

func command(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return kubeapiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return kubecontrollermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return kubescheduler.NewSchedulerCommand()
	case "kube-proxy":
		return kubeproxy.NewProxyCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	case "etcdutl":
		utility := &cobra.Command{Use: "etcdutl"}
		utility.AddCommand(etcdutl.NewSnapshotCommand())
		return utility
	}
	fmt.Fprintf(os.Stderr, "%s is none of the programs in this file\n", name)
	os.Exit(2)
	return nil
}
