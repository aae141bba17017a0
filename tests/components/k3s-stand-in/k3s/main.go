// A stand-in for k3s: its command line, files, tokens and units, around the real Kubernetes programs and etcd.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Set when it is linked.
var version = "v0.0.0+k3s0"

const usage = `k3s (a stand-in for tests)

  k3s server | agent [--FLAG VALUE ...]
  k3s kubectl | etcdctl ARGUMENTS
  k3s etcd-snapshot save | list | delete | prune
  k3s secrets-encrypt status
  k3s token create
  k3s --version
`

func main() {
	arguments := os.Args
	if name := filepath.Base(arguments[0]); isProgram(name) {
		arguments = append([]string{"k3s"}, arguments...)
		arguments[1] = name
	}
	if err := run(arguments[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "level=fatal msg=%q\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		fmt.Print(usage)
		return nil
	}
	switch verb := arguments[0]; verb {
	case "server":
		return runServer(arguments[1:])
	case "agent":
		return runAgent(arguments[1:])
	case "kubectl", "etcdctl":
		return replaceBy(verb, arguments[1:])
	case "ctr":
		return becomeCtr(arguments[1:])
	case "crictl":
		return fmt.Errorf("%s: the stand-in has none", verb)
	case "etcd-snapshot":
		return runSnapshotCommand(arguments[1:])
	case "secrets-encrypt":
		return runSecretsEncrypt(arguments[1:])
	case "token":
		return runToken(arguments[1:])
	case "--version", "-v":
		fmt.Printf("k3s version %s (stand-in)\ngo version %s\n", version, runtime.Version())
		return nil
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("No help topic for '%s'", verb)
	}
}
