package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	pause         = 2 * time.Second
	balancerPort  = "6444"
	refreshPeriod = 10 * time.Second
)

// agent is the part of k3s that makes a machine a node; servers have one, too.
type agent struct {
	options  options
	folder   folder
	node     string
	address  string
	api      string
	cluster  *cluster
	programs *family
	isVoter  func(context.Context) (bool, error)
	// A kubelet registers its node once; one that is deleted while it runs comes back when it starts again.
	registered bool
}

func runAgent(arguments []string) error {
	given, _, err := readOptions(arguments, known(nodeFlags))
	if err != nil {
		return err
	}
	url := given.text("server", "")
	if url == "" {
		return errors.New("--server is required")
	}
	text, err := tokenOf(given, "")
	if err != nil {
		return err
	}
	if text == "" {
		return errNoToken
	}
	with, err := parseToken(text, "node")
	if err != nil {
		return err
	}
	a, err := newAgent(given)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	defer a.programs.stop()
	if err := a.join(ctx, url, with); err != nil {
		return stopped(ctx, err)
	}
	notify("READY=1")
	say("k3s agent is up and running")
	return stopped(ctx, a.run(ctx))
}

// stopped is no error when somebody wanted it.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func newAgent(o options) (*agent, error) {
	address, err := nodeAddress(o)
	if err != nil {
		return nil, err
	}
	node, err := nodeName(o)
	if err != nil {
		return nil, err
	}
	programs, err := newFamily()
	if err != nil {
		return nil, err
	}
	return &agent{options: o, folder: folderOf(o), node: node, address: address, programs: programs}, nil
}

// join tries until the cluster lets it in, as long as systemd lets it; k3s does the same.
func (a *agent) join(ctx context.Context, url string, with token) error {
	if err := a.check(ctx); err != nil {
		return err
	}
	for {
		err := a.enter(ctx, url, with)
		if err == nil {
			return nil
		}
		say("Failed to validate connection to cluster at %s: %v", url, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (a *agent) enter(ctx context.Context, url string, with token) error {
	found, err := meet(ctx, url, with)
	if err != nil {
		return err
	}
	a.cluster = found
	clients, err := found.call(ctx, http.MethodGet, "/v1-k3s/client-ca.crt", nil, nil)
	if err != nil {
		return err
	}
	if err := writeAs(a.folder.agent("client-ca.crt"), clients, 0o644); err != nil {
		return err
	}
	if err := writeAs(a.folder.agent("server-ca.crt"), found.authority, 0o644); err != nil {
		return err
	}
	certificates := []string{"client-kubelet", "serving-kubelet"}
	if a.programs.runContainers() {
		certificates = append(certificates, "client-kube-proxy", "client-k3s-controller")
	}
	for _, name := range certificates {
		if err := found.certify(ctx, a.folder.agent(name), "/v1-k3s/"+name+".crt", a.node, a.address); err != nil {
			return err
		}
	}
	if a.api == "" {
		if err := a.balance(ctx); err != nil {
			return err
		}
	}
	for _, name := range certificates {
		if user, isClient := strings.CutPrefix(name, "client-"); isClient {
			if err := a.writeKubeconfig(user); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *agent) writeKubeconfig(user string) error {
	cluster := map[string]any{"server": a.api, "certificate-authority": a.folder.agent("server-ca.crt")}
	own := map[string]any{
		"client-certificate": a.folder.agent("client-" + user + ".crt"),
		"client-key":         a.folder.agent("client-" + user + ".key"),
	}
	content, err := kubeconfigOf(cluster, own)
	if err != nil {
		return err
	}
	return write(a.folder.agent(user+".kubeconfig"), content)
}

// balance gives the node one address for all servers, so that it outlives each of them.
func (a *agent) balance(ctx context.Context) error {
	balancer := &balancer{file: a.folder.agent("etc", "k3s-agent-load-balancer.json")}
	refresh := func() error {
		var servers []string
		if err := a.cluster.ask(ctx, http.MethodGet, "/v1-k3s/apiservers", nil, nil, &servers); err != nil {
			return err
		}
		return balancer.use(servers)
	}
	if err := refresh(); err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", a.options.text("lb-server-port", balancerPort))
	if err := balancer.listen(address); err != nil {
		return err
	}
	a.api = "https://" + address
	a.cluster.url = a.api
	go func() {
		for range time.Tick(refreshPeriod) {
			if err := refresh(); err != nil {
				say("the servers cannot be asked for: %v", err)
			}
		}
	}()
	return nil
}

// joinAsNode makes a server a node of its own cluster.
func (s *server) joinAsNode(ctx context.Context) {
	a := &agent{
		options: s.options, folder: s.folder, node: s.node, address: s.address, programs: s.programs,
		api: "https://127.0.0.1:6443", isVoter: s.member.isVoter,
	}
	err := a.join(ctx, a.api, token{user: "server", password: s.password})
	if err == nil {
		err = a.run(ctx)
	}
	if ctx.Err() == nil {
		s.programs.ended <- fmt.Errorf("the node: %w", err)
	}
}
