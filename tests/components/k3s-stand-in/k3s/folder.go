package main

import (
	"os"
	"path/filepath"
	"strings"
)

// folder is where k3s keeps everything: /var/lib/rancher/k3s unless asked otherwise.
type folder string

func folderOf(o options) folder {
	return folder(o.text("data-dir", "/var/lib/rancher/k3s"))
}

func (f folder) server(parts ...string) string {
	return filepath.Join(append([]string{string(f), "server"}, parts...)...)
}

func (f folder) agent(parts ...string) string {
	return filepath.Join(append([]string{string(f), "agent"}, parts...)...)
}

func (f folder) tls(name string) string  { return f.server("tls", name) }
func (f folder) cred(name string) string { return f.server("cred", name) }
func (f folder) etcd() string            { return f.server("db", "etcd") }
func (f folder) snapshots(o options) string {
	return o.text("etcd-snapshot-dir", f.server("db", "snapshots"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// write leaves the old content or the new, never half of it; only its owner reads it.
func write(path string, content []byte) error {
	return writeAs(path, content, 0o600)
}

func writeAs(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unfinished := path + ".unfinished"
	if err := os.WriteFile(unfinished, content, mode); err != nil {
		return err
	}
	if err := os.Chmod(unfinished, mode); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

func readText(path string) (string, error) {
	content, err := os.ReadFile(path)
	return strings.TrimSpace(string(content)), err
}
