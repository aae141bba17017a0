package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"sigs.k8s.io/yaml"
)

const (
	etcdCallLimit = 5 * time.Second
	joinLimit     = 5 * time.Minute
)

// member is this server's part in etcd.
type member struct {
	folder  folder
	name    string
	address string
	metrics bool
}

func newMember(f folder, node, address string, metrics bool) (*member, error) {
	m := &member{f, node + "-" + randomText(4), address, metrics}
	if !exists(m.nameFile()) {
		return m, nil
	}
	name, err := readText(m.nameFile())
	m.name = name
	return m, err
}

func (m *member) peerURL() string   { return "https://" + m.address + ":2380" }
func (m *member) clientURL() string { return "https://" + m.address + ":2379" }
func (m *member) nameFile() string  { return m.folder.etcd() + "/name" }
func (m *member) peersFile() string { return m.folder.etcd() + "/peers" }
func (m *member) hasData() bool     { return exists(m.folder.etcd() + "/member") }

// issueCertificates makes this member's own, from the authorities all share.
func (m *member) issueCertificates(node string) error {
	own := []string{"127.0.0.1", "localhost", node, m.address}
	for path, to := range map[string]subject{
		"etcd/server-client":      {name: "etcd-server", addresses: own, isServer: true},
		"etcd/client":             {name: "etcd-client"},
		"etcd/peer-server-client": {name: "etcd-peer", addresses: own, isServer: true},
	} {
		signer := "etcd/server-ca"
		if strings.Contains(path, "peer") {
			signer = "etcd/peer-ca"
		}
		authority, err := loadAuthority(m.folder.tls(signer))
		if err != nil {
			return err
		}
		if err := authority.issue(m.folder.tls(path), to); err != nil {
			return err
		}
	}
	return nil
}

// configure writes etcd's configuration file, with the values k3s gives it.
func (m *member) configure(cluster, state string, forceNew bool) (string, error) {
	security := func(kind, authority string) map[string]any {
		return map[string]any{
			"cert-file": m.folder.tls("etcd/" + kind + ".crt"), "key-file": m.folder.tls("etcd/" + kind + ".key"),
			"client-cert-auth": true, "trusted-ca-file": m.folder.tls("etcd/" + authority + ".crt"),
		}
	}
	metrics := "http://127.0.0.1:2381"
	if m.metrics {
		metrics += ",http://" + m.address + ":2381"
	}
	content, err := yaml.Marshal(map[string]any{
		"name": m.name, "data-dir": m.folder.etcd(), "force-new-cluster": forceNew,
		"listen-client-urls": "https://127.0.0.1:2379," + m.clientURL(), "advertise-client-urls": m.clientURL(),
		"listen-peer-urls": "https://127.0.0.1:2380," + m.peerURL(), "initial-advertise-peer-urls": m.peerURL(),
		"listen-metrics-urls": metrics, "initial-cluster": cluster, "initial-cluster-state": state,
		"heartbeat-interval": 500, "election-timeout": 5000, "snapshot-count": 10000,
		"log-outputs": []string{"stderr"}, "logger": "zap", "log-level": "error",
		"client-transport-security": security("server-client", "server-ca"),
		"peer-transport-security":   security("peer-server-client", "peer-ca"),
	})
	if err != nil {
		return "", err
	}
	if err := write(m.nameFile(), []byte(m.name)); err != nil {
		return "", err
	}
	return m.folder.etcd() + "/config", write(m.folder.etcd()+"/config", content)
}

// begin starts etcd: again with its data, as the first of a new cluster, or as one more of the cluster of `others`.
func (m *member) begin(ctx context.Context, programs *family, others []string) error {
	cluster, state := m.name+"="+m.peerURL(), "new"
	if m.hasData() {
		state = "existing"
	} else if len(others) > 0 {
		members, err := m.enter(ctx, others)
		if err != nil {
			return err
		}
		cluster, state = members, "existing"
	}
	file, err := m.configure(cluster, state, false)
	if err != nil {
		return err
	}
	return programs.start("etcd", "--config-file", file)
}

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

// connect gives a client of those members, of this one where none are named.
func (m *member) connect(endpoints []string) (*clientv3.Client, error) {
	if len(endpoints) == 0 {
		endpoints = []string{"https://127.0.0.1:2379"}
	}
	secure, err := m.tlsConfig()
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: etcdCallLimit, TLS: secure, Logger: zap.NewNop()})
}

func (m *member) tlsConfig() (*tls.Config, error) {
	return transport.TLSInfo{
		CertFile: m.folder.tls("etcd/client.crt"), KeyFile: m.folder.tls("etcd/client.key"),
		TrustedCAFile: m.folder.tls("etcd/server-ca.crt"),
	}.ClientConfig()
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
