package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	nodePeriod       = 2 * time.Second
	roleLabel        = "node-role.kubernetes.io/"
	memberAnnotation = "etcd.k3s.cattle.io/node-name"
)

// watchNodes labels this server's node, which it may not itself, and removes from etcd the member of a server
// whose node has been deleted.
func (s *server) watchNodes(ctx context.Context) {
	seen := map[string]string{}
	for ctx.Err() == nil {
		if err := s.lookAtNodes(ctx, seen); err != nil {
			say("the nodes cannot be looked at: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(nodePeriod):
		}
	}
}

func (s *server) lookAtNodes(ctx context.Context, seen map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	nodes, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if s.programs.runContainers() {
		if err := errors.Join(s.sayThatItVotes(ctx), s.publish(ctx, nodes.Items)); err != nil {
			return err
		}
	}
	present := map[string]string{}
	for _, node := range nodes.Items {
		if name := node.Annotations[memberAnnotation]; name != "" {
			present[node.Name] = name
		}
		labelled := node.Labels[roleLabel+"etcd"] == "true" && node.Annotations[memberAnnotation] == s.member.name
		if node.Name == s.node && !labelled {
			if err := s.labelOwnNode(ctx); err != nil {
				return err
			}
		}
	}
	for node, name := range seen {
		if _, stillThere := present[node]; !stillThere && node != s.node {
			if err := s.member.remove(ctx, name); err != nil {
				return err
			}
		}
		delete(seen, node)
	}
	for node, name := range present {
		seen[node] = name
	}
	return nil
}

func (s *server) labelOwnNode(ctx context.Context) error {
	change, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": map[string]string{roleLabel + "control-plane": "true", roleLabel + "etcd": "true"},
		"annotations": map[string]string{
			memberAnnotation: s.member.name, "etcd.k3s.cattle.io/node-address": s.address,
		},
	}})
	if err != nil {
		return err
	}
	_, err = s.client.CoreV1().Nodes().Patch(ctx, s.node, types.MergePatchType, change, metav1.PatchOptions{})
	return err
}

// remove takes the member of that name out of etcd; nothing where it is gone already.
func (m *member) remove(ctx context.Context, name string) error {
	client, err := m.connect(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	members, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, each := range members.Members {
		if each.Name == name {
			say("etcd: the member %q goes with its node", name)
			_, err := client.MemberRemove(ctx, each.ID)
			return err
		}
	}
	return nil
}

// isVoter says whether this member counts in the quorum.
func (m *member) isVoter(ctx context.Context) (bool, error) {
	client, err := m.connect(nil)
	if err != nil {
		return false, err
	}
	defer client.Close()
	status, err := client.Status(ctx, m.clientURL())
	return err == nil && !status.IsLearner && strings.TrimSpace(status.Version) != "", err
}
