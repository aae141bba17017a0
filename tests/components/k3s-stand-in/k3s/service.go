package main

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// publish says where the Service `kubernetes` leads: to port 6443 of every server, as with k3s. The API server by
// itself would name the port it listens on, which nobody reaches from outside.
func (s *server) publish(ctx context.Context, nodes []corev1.Node) error {
	wanted := endpointsOf(nodes)
	if len(wanted.Endpoints) == 0 {
		return nil
	}
	slices := s.client.DiscoveryV1().EndpointSlices("default")
	found, err := slices.Get(ctx, wanted.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = slices.Create(ctx, wanted, metav1.CreateOptions{})
		return err
	}
	if err != nil || sameAddresses(found.Endpoints, wanted.Endpoints) {
		return err
	}
	found.Endpoints = wanted.Endpoints
	_, err = slices.Update(ctx, found, metav1.UpdateOptions{})
	return err
}

func endpointsOf(nodes []corev1.Node) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{{
			Name: ptr.To("https"), Port: ptr.To[int32](6443), Protocol: ptr.To(corev1.ProtocolTCP),
		}},
	}
	for _, node := range nodes {
		if _, isServer := node.Labels[roleLabel+"control-plane"]; isServer {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{addressOf(node)}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			})
		}
	}
	return slice
}

func sameAddresses(some, others []discoveryv1.Endpoint) bool {
	if len(some) != len(others) {
		return false
	}
	for i := range some {
		if some[i].Addresses[0] != others[i].Addresses[0] {
			return false
		}
	}
	return true
}

func addressOf(node corev1.Node) string {
	for _, each := range node.Status.Addresses {
		if each.Type == corev1.NodeInternalIP {
			return each.Address
		}
	}
	return ""
}

// sayThatItVotes adds to what the kubelet says of this server's node whether its member of etcd counts.
func (s *server) sayThatItVotes(ctx context.Context) error {
	votes, err := s.member.isVoter(ctx)
	value := corev1.ConditionFalse
	if err == nil && votes {
		value = corev1.ConditionTrue
	}
	now := metav1.Now()
	change, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{corev1.NodeCondition{
		Type: "EtcdIsVoter", Status: value, Reason: "MemberNotLearner", LastHeartbeatTime: now, LastTransitionTime: now,
		Message: "Node is a voting member of the etcd cluster",
	}}}})
	if err != nil {
		return err
	}
	_, err = s.client.CoreV1().Nodes().Patch(
		ctx, s.node, types.StrategicMergePatchType, change, metav1.PatchOptions{}, "status",
	)
	if apierrors.IsNotFound(err) { // its kubelet has not said anything yet
		return nil
	}
	return err
}
