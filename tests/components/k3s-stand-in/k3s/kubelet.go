package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// In place of a kubelet: it registers the node, keeps it alive, and says of pods that they run. No container does;
// with_containers makes a k3s with the real one in it (containers.go).
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
	if a.programs.runContainers() {
		return a.runContainers(ctx, client)
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

// report registers the node when it starts, and says how it is.
func (a *agent) report(ctx context.Context, client kubernetes.Interface) error {
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, a.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !a.registered {
		node, err = nodes.Create(ctx, a.newNode(), metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	a.registered = true
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
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{
			Key: key, Value: value, Effect: corev1.TaintEffect(effect),
		})
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

func (a *agent) renew(ctx context.Context, client kubernetes.Interface) error {
	leases := client.CoordinationV1().Leases("kube-node-lease")
	now := metav1.NowMicro()
	lease, err := leases.Get(ctx, a.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: a.node}}
		lease.Spec = coordinationv1.LeaseSpec{
			HolderIdentity: &a.node, LeaseDurationSeconds: ptr.To[int32](leaseLife), RenewTime: &now,
		}
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
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{
		FieldSelector: "spec.nodeName=" + a.node,
	})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		place := client.CoreV1().Pods(pod.Namespace)
		switch {
		case pod.DeletionTimestamp != nil:
			err = place.Delete(ctx, pod.Name, metav1.DeleteOptions{
				GracePeriodSeconds: ptr.To[int64](0),
				Preconditions:      metav1.NewUIDPreconditions(string(pod.UID)),
			})
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
