package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// prepare finds out which cluster this server belongs to, and gives the members of etcd it has to ask.
func (s *server) prepare(ctx context.Context) ([]string, error) {
	given, err := tokenOf(s.options, s.folder.server("token"))
	if err != nil {
		return nil, err
	}
	url := s.options.text("server", "")
	if s.member.hasData() || url == "" {
		return nil, s.prepareAlone(given)
	}
	if given == "" {
		return nil, errNoToken
	}
	wanted, err := parseToken(given, "server")
	if err != nil {
		return nil, err
	}
	s.password = wanted.password
	other, err := meet(ctx, url, wanted)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	if err := other.ask(ctx, http.MethodGet, "/v1-k3s/server-bootstrap", nil, nil, &data); err != nil {
		return nil, fmt.Errorf("failed to bootstrap cluster data: %w", err)
	}
	if err := writeClusterData(s.folder, data); err != nil {
		return nil, err
	}
	var members []string
	err = other.ask(ctx, http.MethodGet, "/v1-k3s/members", nil, nil, &members)
	return members, err
}

func (s *server) prepareAlone(given string) error {
	if !s.member.hasData() && !s.options.truth("cluster-init") {
		return errors.New("the stand-in keeps its data in etcd alone: set cluster-init, or the server to join")
	}
	if given == "" {
		given = randomText(16)
	}
	wanted, err := parseToken(given, "server")
	if err != nil {
		return err
	}
	s.password = wanted.password
	return makeClusterData(s.folder, s.options.truth("secrets-encryption"))
}

// agentPassword is what agents join with; the token of the servers unless they have one of their own.
func (s *server) agentPassword() string {
	given := s.options.text("agent-token", "")
	if file := s.options.text("agent-token-file", ""); given == "" && file != "" {
		given, _ = readText(file)
	}
	if given == "" {
		return s.password
	}
	wanted, err := parseToken(given, "node")
	if err != nil {
		return given
	}
	return wanted.password
}

// nodeAddress is the one that was given, else that of the interface which leads out.
func nodeAddress(o options) (string, error) {
	if given := o.text("node-ip", ""); given != "" {
		return strings.Split(given, ",")[0], nil
	}
	connection, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return "", fmt.Errorf("no route leads out, set node-ip: %w", err)
	}
	defer connection.Close()
	host, _, err := net.SplitHostPort(connection.LocalAddr().String())
	return host, err
}

func nodeName(o options) (string, error) {
	name, err := os.Hostname()
	return strings.ToLower(o.text("node-name", name)), err
}
