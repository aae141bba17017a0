package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const resetDone = "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. " +
	"Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes"

const resetAgain = "cluster-reset was successfully performed, please remove the cluster-reset flag and start k3s " +
	"normally, if you need to perform another cluster reset, you must first manually delete the %s file"

func (s *server) resetFlag() string { return s.folder.server("db", "reset-flag") }

// reset makes this server the only member of etcd, with its own data or that of a snapshot, and ends.
func (s *server) reset(ctx context.Context) error {
	if exists(s.resetFlag()) {
		return fmt.Errorf(resetAgain, s.resetFlag())
	}
	if err := s.prepareReset(); err != nil {
		return err
	}
	if path := s.options.text("cluster-reset-restore-path", ""); path != "" {
		if err := s.restore(ctx, path); err != nil {
			return err
		}
	}
	if !s.member.hasData() {
		return errors.New("etcd has no data here to go on with; give --cluster-reset-restore-path")
	}
	file, err := s.member.configure(s.member.name+"="+s.member.peerURL(), "existing", true)
	if err != nil {
		return err
	}
	if err := s.programs.start("etcd", "--config-file", file); err != nil {
		return err
	}
	if err := s.guarded(ctx, s.member.awaitVote); err != nil {
		return err
	}
	if err := s.guarded(ctx, s.keepClusterData); err != nil {
		return err
	}
	say(resetDone)
	return write(s.resetFlag(), nil)
}

func (s *server) prepareReset() error {
	given, err := tokenOf(s.options, s.folder.server("token"))
	if err != nil {
		return err
	}
	if given == "" {
		return errNoToken
	}
	wanted, err := parseToken(given, "server")
	if err != nil {
		return err
	}
	s.password = wanted.password
	// On a machine that is new, the data of the snapshot replaces these.
	if err := makeClusterData(s.folder, s.options.truth("secrets-encryption")); err != nil {
		return err
	}
	return s.member.issueCertificates(s.node)
}

// restore puts the snapshot in the place of etcd's data, which is set aside.
func (s *server) restore(ctx context.Context, path string) error {
	if s.options.truth("etcd-s3") {
		local := filepath.Join(s.folder.snapshots(s.options), filepath.Base(path))
		if err := s.download(ctx, filepath.Base(path), local); err != nil {
			return err
		}
		path = local
	}
	if !exists(path) {
		return fmt.Errorf("etcd: snapshot path does not exist: %s", path)
	}
	name := s.member.name
	if exists(s.folder.etcd()) {
		old := fmt.Sprintf("%s-old-%d", s.folder.etcd(), time.Now().Unix())
		if err := os.Rename(s.folder.etcd(), old); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotLimit)
	defer cancel()
	say("the snapshot %s is restored", path)
	_, err := s.programs.output(ctx, "etcdutl", "snapshot", "restore", path, "--name", name, "--data-dir", s.folder.etcd(),
		"--initial-cluster", name+"="+s.member.peerURL(), "--initial-advertise-peer-urls", s.member.peerURL())
	return err
}
