package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// token lets nodes join: a password, or in full K10HASH::USER:PASSWORD, where HASH is of the cluster's authority.
type token struct {
	hash     string
	user     string
	password string
}

var errNoToken = errors.New("--token is required")

func parseToken(given, user string) (token, error) {
	if !strings.HasPrefix(given, "K10") {
		return token{user: user, password: given}, nil
	}
	hash, credentials, found := strings.Cut(strings.TrimPrefix(given, "K10"), "::")
	fullUser, password, both := strings.Cut(credentials, ":")
	if !found || !both || len(hash) != sha256.Size*2 || password == "" {
		return token{}, errors.New("invalid token format")
	}
	return token{hash: hash, user: fullUser, password: password}, nil
}

// tokenOf is the token that was given by flag, file, or in an earlier run; empty if by none.
func tokenOf(o options, kept string) (string, error) {
	if given := o.text("token", ""); given != "" {
		return given, nil
	}
	if file := o.text("token-file", ""); file != "" {
		return readText(file)
	}
	if kept != "" && exists(kept) {
		return readText(kept)
	}
	return "", nil
}

func randomText(bytes int) string {
	content := make([]byte, bytes)
	if _, err := rand.Read(content); err != nil {
		panic(err)
	}
	return hex.EncodeToString(content)
}

// writeTokens makes what k3s makes: token, node-token that leads to it, and agent-token, a file of its own where
// agents have a password of their own.
func writeTokens(f folder, password, agentPassword string) error {
	authority, err := os.ReadFile(f.tls("server-ca.crt"))
	if err != nil {
		return err
	}
	full := fmt.Sprintf("K10%s::server:%s\n", digest(authority), password)
	if err := write(f.server("token"), []byte(full)); err != nil {
		return err
	}
	if err := lead(f, "node-token"); err != nil {
		return err
	}
	if agentPassword == password {
		if err := lead(f, "agent-token"); err != nil {
			return err
		}
	} else {
		ofAgents := fmt.Sprintf("K10%s::node:%s\n", digest(authority), agentPassword)
		if err := write(f.server("agent-token"), []byte(ofAgents)); err != nil {
			return err
		}
	}
	users := fmt.Sprintf("%s,server,server,k3s:server\n%s,node,node,k3s:agent\n", password, agentPassword)
	return write(f.cred("passwd"), []byte(users))
}

// lead makes a name that leads to the token of the servers.
func lead(f folder, name string) error {
	if exists(f.server(name)) {
		return nil
	}
	return os.Symlink(f.server("token"), f.server(name))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func runToken(arguments []string) error {
	if len(arguments) != 1 || arguments[0] != "create" {
		return errors.New("the stand-in knows `k3s token create` alone")
	}
	fmt.Printf("%s.%s\n", randomText(3), randomText(8))
	return nil
}
