package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
)

// listen holds the ports of a kubelet, and answers /healthz to those it should.
func (a *agent) listen() error {
	own := a.folder.agent("serving-kubelet")
	pair, err := tls.LoadX509KeyPair(own+".crt", own+".key")
	if err != nil {
		return err
	}
	authority, err := readCertificate(a.folder.agent("client-ca.crt"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AddCert(authority)
	secure, err := tls.Listen("tcp", ":10250", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return err
	}
	local, err := net.Listen("tcp", "127.0.0.1:10248")
	if err != nil {
		return err
	}
	healthy := http.NewServeMux()
	healthy.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	for _, listener := range []net.Listener{secure, local} {
		go func() { say("a port of the node ended: %v", (&http.Server{Handler: healthy}).Serve(listener)) }()
	}
	return nil
}
