package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// enter has this member added as a learner, and gives the members as etcd wants to be told.
func (m *member) enter(ctx context.Context, others []string) (string, error) {
	var told []string
	err := within(ctx, joinLimit, "join etcd", func(ctx context.Context) error {
		client, err := m.connect(others)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(ctx, etcdCallLimit)
		defer cancel()
		if err := m.removeLeftOver(ctx, client); err != nil {
			return err
		}
		added, err := client.MemberAddAsLearner(ctx, []string{m.peerURL()})
		if err != nil {
			return err
		}
		told = nil
		for _, each := range added.Members {
			name := each.Name
			if each.ID == added.Member.ID {
				name = m.name
			}
			told = append(told, name+"="+each.PeerURLs[0])
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return strings.Join(told, ","), write(m.peersFile(), []byte(strings.Join(others, "\n")))
}

// removeLeftOver takes out what an interrupted try to join, or this server's lost disk, has left in the cluster.
func (m *member) removeLeftOver(ctx context.Context, client *clientv3.Client) error {
	members, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, each := range members.Members {
		if slices.Contains(each.PeerURLs, m.peerURL()) {
			say("etcd: the member %q at %s, of an earlier life of this server, is removed", each.Name, m.peerURL())
			if _, err := client.MemberRemove(ctx, each.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitVote waits until this member is up and counts in the quorum.
func (m *member) awaitVote(ctx context.Context) error {
	return within(ctx, joinLimit, "become a voter of etcd", func(ctx context.Context) error {
		client, err := m.connect(nil)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(ctx, etcdCallLimit)
		defer cancel()
		status, err := client.Status(ctx, m.clientURL())
		if err != nil {
			return err
		}
		if !status.IsLearner {
			_, err := client.Get(ctx, "health")
			return err
		}
		return m.promote(ctx, status.Header.MemberId)
	})
}

func (m *member) promote(ctx context.Context, id uint64) error {
	endpoints, err := m.voters(ctx)
	if err != nil {
		return err
	}
	client, err := m.connect(endpoints)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.MemberPromote(ctx, id); err != nil && !errors.Is(err, rpctypes.ErrMemberNotLearner) {
		return err
	}
	return errors.New("promoted, not yet seen as such")
}

// voters are the client addresses of the other members; a learner itself takes no such call.
func (m *member) voters(ctx context.Context) ([]string, error) {
	content, err := os.ReadFile(m.peersFile())
	if err != nil {
		return nil, fmt.Errorf("the members that vote are not known: %w", err)
	}
	return strings.Fields(string(content)), ctx.Err()
}

// clientURLs are where the members of the cluster are reached, learners left out.
func (m *member) clientURLs(ctx context.Context) ([]string, error) {
	client, err := m.connect(nil)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, etcdCallLimit)
	defer cancel()
	members, err := client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	var urls []string
	for _, each := range members.Members {
		if !each.IsLearner && len(each.ClientURLs) > 0 {
			urls = append(urls, each.ClientURLs[0])
		}
	}
	return urls, nil
}
