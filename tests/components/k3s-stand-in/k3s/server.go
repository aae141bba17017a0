package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
)

const (
	defaultKubeconfig = "/etc/rancher/k3s/k3s.yaml"
	readyLimit        = 3 * time.Minute
)

// impossible is what k3s can and the stand-in cannot.
var impossible = []string{
	"disable-etcd", "disable-apiserver", "disable-controller-manager", "datastore-endpoint", "rootless",
}

// server is one server of the cluster while it starts and runs.
type server struct {
	options  options
	folder   folder
	node     string
	address  string
	password string
	member   *member
	programs *family
	client   kubernetes.Interface
}

func runServer(arguments []string) error {
	given, rest, err := readOptions(arguments, known(nodeFlags, serverFlags))
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	s, err := newServer(given)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	defer s.programs.stop()
	if given.truth("cluster-reset") {
		return s.reset(ctx)
	}
	if err := s.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("starting kubernetes: preparing server: %w", err)
	}
	notify("READY=1")
	say("k3s is up and running")
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.programs.ended:
		return err
	}
}

func newServer(o options) (*server, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("k3s must be run as root, or with --rootless")
	}
	for _, flag := range impossible {
		if o.text(flag, "false") != "false" {
			return nil, fmt.Errorf("the stand-in cannot do --%s", flag)
		}
	}
	f := folderOf(o)
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
	m, err := newMember(f, node, address, o.truth("etcd-expose-metrics"))
	return &server{options: o, folder: f, node: node, address: address, member: m, programs: programs}, err
}

// begin brings the server up as far as k3s is when it tells systemd that it is ready.
func (s *server) begin(ctx context.Context) error {
	others, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	if err := s.issueCertificates(); err != nil {
		return err
	}
	if err := s.member.begin(ctx, s.programs, others); err != nil {
		return err
	}
	if err := s.guarded(ctx, s.member.awaitVote); err != nil {
		return err
	}
	if err := s.guarded(ctx, s.keepClusterData); err != nil {
		return err
	}
	_ = os.Remove(s.resetFlag())
	if err := s.serve(ctx); err != nil {
		return err
	}
	go s.watchNodes(ctx)
	go s.takeSnapshots(ctx)
	if s.programs.runContainers() && s.options.text("server", "") == "" {
		go s.addWhatIsBundled(ctx)
	}
	if !s.options.truth("disable-agent") {
		go s.joinAsNode(ctx)
	}
	return nil
}

func (s *server) keepClusterData(ctx context.Context) error {
	client, err := s.member.connect(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, etcdCallLimit)
	defer cancel()
	return keepClusterData(ctx, client, s.folder, s.password)
}

// serve starts the supervisor and the programs of the control plane, and waits for the API.
func (s *server) serve(ctx context.Context) error {
	if err := writeTokens(s.folder, s.password, s.agentPassword()); err != nil {
		return err
	}
	if err := s.writeKubeconfigs(); err != nil {
		return err
	}
	client, err := clientFrom(s.folder.cred("admin.kubeconfig"))
	if err != nil {
		return err
	}
	s.client = client
	users, err := readUsers(s.folder)
	if err != nil {
		return err
	}
	front := &supervisor{folder: s.folder, member: s.member, client: client, users: users}
	address := net.JoinHostPort(s.options.text("bind-address", ""), s.options.text("https-listen-port", "6443"))
	if err := front.serve(address); err != nil {
		return err
	}
	if err := s.startAPIServer(); err != nil {
		return err
	}
	err = s.guarded(ctx, func(ctx context.Context) error {
		return within(ctx, readyLimit, "the API server", func(ctx context.Context) error {
			_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
			return err
		})
	})
	if err != nil {
		return err
	}
	return s.startControllers()
}

// guarded ends the wait when one of the programs ends.
func (s *server) guarded(ctx context.Context, wait func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	select {
	case err := <-done:
		return err
	case err := <-s.programs.ended:
		return err
	}
}
