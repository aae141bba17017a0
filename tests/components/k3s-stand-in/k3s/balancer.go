package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const dialLimit = 3 * time.Second

// balancer passes connections on to a server that answers, the last good one first.
type balancer struct {
	file    string
	mutex   sync.Mutex
	servers []string
}

func (b *balancer) use(servers []string) error {
	if len(servers) == 0 {
		return errors.New("the cluster names no servers")
	}
	b.mutex.Lock()
	b.servers = servers
	b.mutex.Unlock()
	content, err := json.Marshal(map[string]any{"ServerAddresses": servers})
	if err != nil {
		return err
	}
	return write(b.file, content)
}

func (b *balancer) listen(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				say("the load balancer ended: %v", err)
				return
			}
			go b.pass(connection)
		}
	}()
	return nil
}

func (b *balancer) pass(client net.Conn) {
	defer client.Close()
	server := b.dial()
	if server == nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func (b *balancer) dial() net.Conn {
	b.mutex.Lock()
	servers := append([]string{}, b.servers...)
	b.mutex.Unlock()
	for i, address := range servers {
		connection, err := net.DialTimeout("tcp", address, dialLimit)
		if err != nil {
			continue
		}
		if i > 0 {
			b.mutex.Lock()
			b.servers = append([]string{address}, without(servers, address)...)
			b.mutex.Unlock()
		}
		return connection
	}
	say("none of the servers %v answers", servers)
	return nil
}

func without(all []string, one string) []string {
	var rest []string
	for _, each := range all {
		if each != one {
			rest = append(rest, each)
		}
	}
	return rest
}
