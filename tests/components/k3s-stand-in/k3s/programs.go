package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// In the zip at the end of this very file lies one program that is each of these by name.
const (
	packed       = "kubernetes"
	dataFolder   = "/var/lib/rancher/k3s/data"
	stopDeadline = 15 * time.Second
)

var programs = []string{"etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"}

func isProgram(name string) bool {
	for _, each := range append(programs, "crictl", "ctr") {
		if each == name {
			return true
		}
	}
	return false
}

// unpack puts the real programs where k3s puts its own, once for each version, and gives their folder.
func unpack() (string, error) {
	archive, err := zip.OpenReader("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("this k3s carries no programs, it was built wrongly: %w", err)
	}
	defer archive.Close()
	source, err := archive.Open(packed)
	if err != nil {
		return "", err
	}
	defer source.Close()
	place := filepath.Join(dataFolder, digest(fmt.Appendf(nil, "%s %x", version, archive.File[0].CRC32)))
	folder := filepath.Join(place, "bin")
	if exists(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(dataFolder, 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(dataFolder, "unfinished")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := fill(filepath.Join(unfinished, "bin"), source); err != nil {
		return "", err
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, place); err != nil && !exists(folder) {
		return "", err
	}
	return folder, pointTo(place)
}

func fill(folder string, source io.Reader) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	target, err := os.OpenFile(filepath.Join(folder, packed), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return errors.Join(err, target.Close())
	}
	if err := target.Close(); err != nil {
		return err
	}
	for _, name := range programs {
		if err := os.Symlink(packed, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func pointTo(place string) error {
	unfinished := filepath.Join(dataFolder, "current.unfinished")
	_ = os.Remove(unfinished)
	if err := os.Symlink(place, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, filepath.Join(dataFolder, "current"))
}

// replaceBy becomes that program, for the administrator of this server.
func replaceBy(name string, arguments []string) error {
	folder, err := unpack()
	if err != nil {
		return err
	}
	if name == "kubectl" && os.Getenv("KUBECONFIG") == "" && exists(defaultKubeconfig) {
		if err := os.Setenv("KUBECONFIG", defaultKubeconfig); err != nil {
			return err
		}
	}
	return syscall.Exec(filepath.Join(folder, name), append([]string{name}, arguments...), os.Environ())
}

// family is the programs of this node. If one ends by itself, so does the whole; they never outlive it.
type family struct {
	folder string
	ended  chan error
	mutex  sync.Mutex
	living []*exec.Cmd
	gone   sync.WaitGroup
}

func newFamily() (*family, error) {
	folder, err := unpack()
	return &family{folder: folder, ended: make(chan error, len(programs))}, err
}

// start runs it until the family is stopped.
func (f *family) start(name string, arguments ...string) error {
	command := exec.Command(filepath.Join(f.folder, name), arguments...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return err
	}
	f.mutex.Lock()
	f.living = append(f.living, command)
	f.mutex.Unlock()
	f.gone.Add(1)
	go func() {
		defer f.gone.Done()
		f.ended <- fmt.Errorf("%s ended: %w", name, orEnd(command.Wait()))
	}()
	return nil
}

// stop ends the programs in the opposite order of their start.
func (f *family) stop() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for i := len(f.living) - 1; i >= 0; i-- {
		_ = f.living[i].Process.Signal(syscall.SIGTERM)
	}
	timer := time.AfterFunc(stopDeadline, func() {
		for _, command := range f.living {
			_ = command.Process.Kill()
		}
	})
	f.gone.Wait()
	timer.Stop()
	f.living = nil
}

// output runs a program to its end.
func (f *family) output(ctx context.Context, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, filepath.Join(f.folder, name), arguments...)
	answer, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, answer)
	}
	return string(answer), nil
}

func orEnd(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

// notify tells systemd, where it listens.
func notify(state string) {
	place := os.Getenv("NOTIFY_SOCKET")
	if place == "" {
		return
	}
	connection, err := net.Dial("unixgram", place)
	if err != nil {
		say("systemd cannot be told: %v", err)
		return
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(state)); err != nil {
		say("systemd cannot be told: %v", err)
	}
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q\n", time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, values...))
}

// within tries until it succeeds, and gives the last error where it does not in time.
func within(ctx context.Context, limit time.Duration, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
