package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// In the zip at the end of this very file lies one program that is each of these by name. Beside it may lie what
// runs containers: programs, images and manifests, under the names they have here.
const (
	packed       = "kubernetes"
	dataFolder   = "/var/lib/rancher/k3s/data"
	stopDeadline = 15 * time.Second
)

var programs = []string{
	"etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
	"kubectl", "kube-proxy",
}

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
	contents := version
	for _, each := range archive.File {
		contents += fmt.Sprintf(" %x", each.CRC32)
	}
	place := filepath.Join(dataFolder, digest([]byte(contents)))
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
	if err := fill(filepath.Join(unfinished, "bin"), archive.File); err != nil {
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

func fill(folder string, files []*zip.File) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for _, each := range files {
		if err := fillOne(filepath.Join(folder, filepath.Base(each.Name)), each); err != nil {
			return err
		}
	}
	for _, name := range programs {
		if err := os.Symlink(packed, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func fillOne(path string, file *zip.File) error {
	source, err := file.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return errors.Join(err, target.Close())
	}
	return target.Close()
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
