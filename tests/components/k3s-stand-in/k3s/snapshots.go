package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/robfig/cron/v3"
)

const snapshotLimit = 5 * time.Minute

// takeSnapshots takes one whenever the schedule says so.
func (s *server) takeSnapshots(ctx context.Context) {
	if s.options.truth("etcd-disable-snapshots") {
		return
	}
	schedule, err := cron.ParseStandard(s.options.text("etcd-snapshot-schedule-cron", "0 */12 * * *"))
	if err != nil {
		s.programs.ended <- fmt.Errorf("etcd-snapshot-schedule-cron: %w", err)
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(schedule.Next(time.Now()))):
			if err := s.takeSnapshot(ctx, "etcd-snapshot"); err != nil {
				say("the snapshot failed: %v", err)
			}
		}
	}
}

// takeSnapshot saves one called PREFIX-NODE-SECONDS, and removes the oldest of its kind beyond the retention.
func (s *server) takeSnapshot(ctx context.Context, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotLimit)
	defer cancel()
	prefix = s.options.text("etcd-snapshot-name", prefix)
	name := fmt.Sprintf("%s-%s-%d", prefix, s.node, time.Now().Unix())
	folder := s.folder.snapshots(s.options)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	path := filepath.Join(folder, name)
	arguments := append(s.etcdctl(), "snapshot", "save", path+".unfinished")
	if _, err := s.programs.output(ctx, "etcdctl", arguments...); err != nil {
		return err
	}
	if err := os.Rename(path+".unfinished", path); err != nil {
		return err
	}
	say("Snapshot %s saved.", name)
	if s.options.truth("etcd-s3") {
		if err := s.upload(ctx, path, prefix); err != nil {
			return err
		}
	}
	return s.prune(prefix)
}

func (s *server) etcdctl() []string {
	tls := s.folder.tls
	return []string{
		"--endpoints=https://127.0.0.1:2379", "--cacert=" + tls("etcd/server-ca.crt"),
		"--cert=" + tls("etcd/client.crt"), "--key=" + tls("etcd/client.key"), "--command-timeout=60s",
	}
}

// prune keeps the newest of that prefix on this server.
func (s *server) prune(prefix string) error {
	keep, err := strconv.Atoi(s.options.text("etcd-snapshot-retention", "5"))
	if err != nil {
		return fmt.Errorf("etcd-snapshot-retention: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(s.folder.snapshots(s.options), prefix+"-"+s.node+"-*"))
	if err != nil {
		return err
	}
	slices.Sort(found)
	for i := 0; i < len(found)-keep; i++ {
		if err := os.Remove(found[i]); err != nil {
			return err
		}
		say("Snapshot %s deleted.", filepath.Base(found[i]))
	}
	return nil
}

func runSnapshotCommand(arguments []string) error {
	given, rest, err := readOptions(arguments, known(nodeFlags, serverFlags))
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return errors.New("say save, list, delete or prune")
	}
	s, err := newServer(given)
	if err != nil {
		return err
	}
	if !s.member.hasData() {
		return errors.New("etcd datastore is not enabled: this node keeps no data of etcd")
	}
	switch rest[0] {
	case "save":
		return s.takeSnapshot(context.Background(), "on-demand")
	case "list", "ls", "l":
		return s.listSnapshots()
	case "prune":
		return s.prune(given.text("etcd-snapshot-name", "on-demand"))
	case "delete":
		return s.deleteSnapshots(rest[1:])
	}
	return fmt.Errorf("k3s etcd-snapshot has no %s", rest[0])
}

func (s *server) listSnapshots() error {
	folder := s.folder.snapshots(s.options)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(table, "Name\tLocation\tSize\tCreated")
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		created := info.ModTime().UTC().Format(time.RFC3339)
		place := filepath.Join(folder, entry.Name())
		fmt.Fprintf(table, "%s\tfile://%s\t%d\t%s\n", entry.Name(), place, info.Size(), created)
	}
	return table.Flush()
}

func (s *server) deleteSnapshots(names []string) error {
	if len(names) == 0 {
		return errors.New("no snapshots given for removal")
	}
	for _, name := range names {
		if strings.Contains(name, "/") {
			return fmt.Errorf("%s is no name of a snapshot", name)
		}
		if err := os.Remove(filepath.Join(s.folder.snapshots(s.options), name)); err != nil {
			return err
		}
		say("Snapshot %s deleted.", name)
	}
	return nil
}
