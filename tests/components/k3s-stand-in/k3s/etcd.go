package main

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

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

func (m *member) peerURL() string { return "https://" + m.address + ":2380" }

func (m *member) clientURL() string { return "https://" + m.address + ":2379" }

func (m *member) nameFile() string { return m.folder.etcd() + "/name" }

func (m *member) peersFile() string { return m.folder.etcd() + "/peers" }

func (m *member) hasData() bool { return exists(m.folder.etcd() + "/member") }

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
			"cert-file":        m.folder.tls("etcd/" + kind + ".crt"),
			"key-file":         m.folder.tls("etcd/" + kind + ".key"),
			"client-cert-auth": true, "trusted-ca-file": m.folder.tls("etcd/" + authority + ".crt"),
		}
	}
	metrics := "http://127.0.0.1:2381"
	if m.metrics {
		metrics += ",http://" + m.address + ":2381"
	}
	content, err := yaml.Marshal(map[string]any{
		"name": m.name, "data-dir": m.folder.etcd(), "force-new-cluster": forceNew,
		"listen-client-urls":          "https://127.0.0.1:2379," + m.clientURL(),
		"advertise-client-urls":       m.clientURL(),
		"listen-peer-urls":            "https://127.0.0.1:2380," + m.peerURL(),
		"initial-advertise-peer-urls": m.peerURL(),
		"listen-metrics-urls":         metrics, "initial-cluster": cluster, "initial-cluster-state": state,
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

// connect gives a client of those members, of this one where none are named.
func (m *member) connect(endpoints []string) (*clientv3.Client, error) {
	if len(endpoints) == 0 {
		endpoints = []string{"https://127.0.0.1:2379"}
	}
	secure, err := m.tlsConfig()
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{
		Endpoints: endpoints, DialTimeout: etcdCallLimit, TLS: secure, Logger: zap.NewNop(),
	})
}

func (m *member) tlsConfig() (*tls.Config, error) {
	return transport.TLSInfo{
		CertFile: m.folder.tls("etcd/client.crt"), KeyFile: m.folder.tls("etcd/client.key"),
		TrustedCAFile: m.folder.tls("etcd/server-ca.crt"),
	}.ClientConfig()
}
