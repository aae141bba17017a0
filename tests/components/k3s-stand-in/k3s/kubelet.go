package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// In place of a kubelet: it registers the node, keeps it alive, and says of pods that they run. No container does.
const (
	podPeriod   = time.Second
	leaseBeats  = 10
	statusBeats = 10
	leaseLife   = 40
)

// wantedKernelDefaults are what a kubelet insists on with protect-kernel-defaults.
var wantedKernelDefaults = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// check refuses what the real kubelet would: arguments it does not know, and kernel settings it may not change.
func (a *agent) check(ctx context.Context) error {
	arguments := append(with(nil, a.options["kubelet-arg"]), "--version")
	if _, err := a.programs.output(ctx, "kubelet", arguments...); err != nil {
		return err
	}
	if !a.options.truth("protect-kernel-defaults") {
		return nil
	}
	for name, wanted := range wantedKernelDefaults {
		found, err := readText("/proc/sys/" + name)
		if err != nil {
			return err
		}
		if found != wanted {
			return fmt.Errorf("invalid kernel flag: %s, expected value: %s, actual value: %s", name, wanted, found)
		}
	}
	return nil
}

// run keeps the node alive until it is stopped.
func (a *agent) run(ctx context.Context) error {
	client, err := clientFrom(a.folder.agent("kubelet.kubeconfig"))
	if err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		return err
	}
	for beat := 0; ; beat++ {
		if err := a.beat(ctx, client, beat); err != nil {
			say("the node cannot report, and tries again: %v", err)
			beat = -1
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(podPeriod):
		}
	}
}

func (a *agent) beat(ctx context.Context, client kubernetes.Interface, beat int) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var problems []error
	if beat%statusBeats == 0 {
		problems = append(problems, a.report(ctx, client))
	}
	if beat%leaseBeats == 0 {
		problems = append(problems, a.renew(ctx, client))
	}
	return errors.Join(append(problems, a.tendPods(ctx, client))...)
}

// report registers the node where it is not, and says how it is.
func (a *agent) report(ctx context.Context, client kubernetes.Interface) error {
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, a.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		node, err = nodes.Create(ctx, a.newNode(), metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	labels := a.labels()
	if !contains(node.Labels, labels) {
		for name, value := range labels {
			node.Labels[name] = value
		}
		if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	a.fill(ctx, &node.Status)
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func (a *agent) newNode() *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: a.node, Labels: a.labels()}}
	for _, taint := range a.options["node-taint"] {
		whole, effect, _ := strings.Cut(taint, ":")
		key, value, _ := strings.Cut(whole, "=")
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return node
}

func (a *agent) labels() map[string]string {
	labels := map[string]string{
		"kubernetes.io/hostname": a.node, "kubernetes.io/os": "linux", "kubernetes.io/arch": runtime.GOARCH,
		"node.kubernetes.io/instance-type": "k3s",
	}
	for _, label := range a.options["node-label"] {
		name, value, _ := strings.Cut(label, "=")
		labels[name] = value
	}
	return labels
}

func contains(all, some map[string]string) bool {
	for name, value := range some {
		if all[name] != value {
			return false
		}
	}
	return true
}

func (a *agent) fill(ctx context.Context, status *corev1.NodeStatus) {
	status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: a.address}, {Type: corev1.NodeHostName, Address: a.node}}
	status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI), corev1.ResourceMemory: resource.MustParse("4Gi"),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	status.Allocatable = status.Capacity
	machine, _ := readText("/etc/machine-id")
	boot, _ := readText("/proc/sys/kernel/random/boot_id")
	kernel, _ := readText("/proc/sys/kernel/osrelease")
	status.NodeInfo = corev1.NodeSystemInfo{
		MachineID: machine, SystemUUID: machine, BootID: boot, KernelVersion: kernel, OSImage: osName(), KubeletVersion: version,
		ContainerRuntimeVersion: "stand-in://" + version, OperatingSystem: "linux", Architecture: runtime.GOARCH,
	}
	status.DaemonEndpoints.KubeletEndpoint.Port = 10250
	a.setCondition(status, corev1.NodeReady, true, "KubeletReady", "the stand-in of a kubelet is posting ready status")
	for _, pressure := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		a.setCondition(status, pressure, false, "KubeletHasNoPressure", "the stand-in of a kubelet measures no pressure")
	}
	if a.isVoter != nil {
		votes, err := a.isVoter(ctx)
		a.setCondition(status, "EtcdIsVoter", err == nil && votes, "MemberNotLearner", "Node is a voting member of the etcd cluster")
	}
}

func osName() string {
	content, _ := os.ReadFile("/etc/os-release")
	for _, line := range strings.Split(string(content), "\n") {
		if name, found := strings.CutPrefix(line, "PRETTY_NAME="); found {
			return strings.Trim(name, `"`)
		}
	}
	return "Linux"
}

func (a *agent) setCondition(status *corev1.NodeStatus, kind corev1.NodeConditionType, holds bool, reason, message string) {
	now := metav1.Now()
	value := corev1.ConditionFalse
	if holds {
		value = corev1.ConditionTrue
	}
	condition := corev1.NodeCondition{Type: kind, Status: value, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	for i, each := range status.Conditions {
		if each.Type != kind {
			continue
		}
		if each.Status == value {
			condition.LastTransitionTime = each.LastTransitionTime
		}
		status.Conditions[i] = condition
		return
	}
	status.Conditions = append(status.Conditions, condition)
}

func (a *agent) renew(ctx context.Context, client kubernetes.Interface) error {
	leases := client.CoordinationV1().Leases("kube-node-lease")
	now := metav1.NowMicro()
	lease, err := leases.Get(ctx, a.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: a.node}}
		lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: &a.node, LeaseDurationSeconds: ptr.To[int32](leaseLife), RenewTime: &now}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// tendPods says of new pods that they run, and lets go of those that are to end.
func (a *agent) tendPods(ctx context.Context, client kubernetes.Interface) error {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + a.node})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		place := client.CoreV1().Pods(pod.Namespace)
		switch {
		case pod.DeletionTimestamp != nil:
			err = place.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		case pod.Status.Phase == corev1.PodPending:
			pod.Status = runningStatus(&pod, a.address)
			_, err = place.UpdateStatus(ctx, &pod, metav1.UpdateOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

func runningStatus(pod *corev1.Pod, address string) corev1.PodStatus {
	now := metav1.Now()
	status := corev1.PodStatus{Phase: corev1.PodRunning, HostIP: address, StartTime: &now}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, container := range pod.Spec.Containers {
		state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{Name: container.Name, Image: container.Image, Ready: true, Started: ptr.To(true), State: state})
	}
	return status
}

// listen holds the ports of a kubelet, and answers /healthz to those it should.
func (a *agent) listen() error {
	pair, err := tls.LoadX509KeyPair(a.folder.agent("serving-kubelet.crt"), a.folder.agent("serving-kubelet.key"))
	if err != nil {
		return err
	}
	authority, err := readCertificate(a.folder.agent("client-ca.crt"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AddCert(authority)
	secure, err := tls.Listen("tcp", ":10250", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	local, err := net.Listen("tcp", "127.0.0.1:10248")
	if err != nil {
		return err
	}
	healthy := http.NewServeMux()
	healthy.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	for _, listener := range []net.Listener{secure, local} {
		go func() { say("a port of the node ended: %v", (&http.Server{Handler: healthy}).Serve(listener)) }()
	}
	return nil
}
