package main

import (
	"context"
	"os"
	"runtime"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var (
	pressures = []corev1.NodeConditionType{
		corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
	}
	ofRunningPods = []corev1.PodConditionType{
		corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
	}
)

func (a *agent) fill(ctx context.Context, status *corev1.NodeStatus) {
	status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: a.address}, {Type: corev1.NodeHostName, Address: a.node},
	}
	status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory: resource.MustParse("4Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	status.Allocatable = status.Capacity
	machine, _ := readText("/etc/machine-id")
	boot, _ := readText("/proc/sys/kernel/random/boot_id")
	kernel, _ := readText("/proc/sys/kernel/osrelease")
	status.NodeInfo = corev1.NodeSystemInfo{
		MachineID: machine, SystemUUID: machine, BootID: boot, KernelVersion: kernel, OSImage: osName(),
		KubeletVersion:          version,
		ContainerRuntimeVersion: "stand-in://" + version, OperatingSystem: "linux",
		Architecture: runtime.GOARCH,
	}
	status.DaemonEndpoints.KubeletEndpoint.Port = 10250
	a.setCondition(status, corev1.NodeReady, true, "KubeletReady", "the stand-in of a kubelet is posting ready status")
	for _, pressure := range pressures {
		a.setCondition(status, pressure, false, "KubeletHasNoPressure", "the stand-in of a kubelet measures no pressure")
	}
	if a.isVoter != nil {
		votes, err := a.isVoter(ctx)
		holds := err == nil && votes
		a.setCondition(status, "EtcdIsVoter", holds, "MemberNotLearner", "Node is a voting member of the etcd cluster")
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

func (a *agent) setCondition(
	status *corev1.NodeStatus, kind corev1.NodeConditionType, holds bool, reason, message string,
) {
	now := metav1.Now()
	value := corev1.ConditionFalse
	if holds {
		value = corev1.ConditionTrue
	}
	condition := corev1.NodeCondition{
		Type: kind, Status: value, Reason: reason, Message: message, LastHeartbeatTime: now,
		LastTransitionTime: now,
	}
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

func runningStatus(pod *corev1.Pod, address string) corev1.PodStatus {
	now := metav1.Now()
	status := corev1.PodStatus{Phase: corev1.PodRunning, HostIP: address, StartTime: &now}
	for _, kind := range ofRunningPods {
		status.Conditions = append(status.Conditions, corev1.PodCondition{
			Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now,
		})
	}
	for _, container := range pod.Spec.Containers {
		state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: ptr.To(true), State: state,
		})
	}
	return status
}
