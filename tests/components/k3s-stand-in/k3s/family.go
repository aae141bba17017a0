package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

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
	command.Env = append(os.Environ(), "PATH="+f.folder+":"+os.Getenv("PATH"))
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
