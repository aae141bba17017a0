package main

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"k8s.io/client-go/kubernetes"
)

const apiServerPort = "6444"

// supervisor listens where nodes join, and passes everything else on to the API server.
type supervisor struct {
	folder  folder
	member  *member
	client  kubernetes.Interface
	users   map[string]string
	clients *x509.CertPool
}

// serve answers on that address until the program ends.
func (s *supervisor) serve(address string) error {
	own := s.folder.tls("serving-kube-apiserver")
	pair, err := tls.LoadX509KeyPair(own+".crt", own+".key")
	if err != nil {
		return err
	}
	authority, err := loadAuthority(s.folder.tls("client-ca"))
	if err != nil {
		return err
	}
	s.clients = x509.NewCertPool()
	s.clients.AddCert(authority.certificate)
	routes, err := s.routes()
	if err != nil {
		return err
	}
	settings := &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert,
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}
	listener, err := tls.Listen("tcp", address, settings)
	if err != nil {
		return err
	}
	go func() {
		say("the supervisor ended: %v", (&http.Server{Handler: routes}).Serve(listener))
	}()
	return nil
}

func (s *supervisor) routes() (http.Handler, error) {
	anonymous, err := s.passOn(false)
	if err != nil {
		return nil, err
	}
	known, err := s.passOn(true)
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	routes.HandleFunc("GET /cacerts", s.giveServerAuthority)
	routes.HandleFunc("GET /v1-k3s/server-bootstrap", s.only("server", s.giveClusterData))
	routes.HandleFunc("GET /v1-k3s/members", s.only("server", s.giveMembers))
	routes.HandleFunc("GET /v1-k3s/apiservers", s.only("node", s.giveServers))
	routes.HandleFunc("GET /v1-k3s/client-ca.crt", s.only("node", s.giveClientAuthority))
	routes.HandleFunc("POST /v1-k3s/client-kubelet.crt", s.only("node", s.signFor("client-ca", "")))
	routes.HandleFunc("POST /v1-k3s/serving-kubelet.crt", s.only("node", s.signFor("server-ca", "")))
	for _, part := range []string{"kube-proxy", "k3s-controller"} {
		sign := s.signFor("client-ca", "system:"+part)
		routes.HandleFunc("POST /v1-k3s/client-"+part+".crt", s.only("node", sign))
	}
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if s.userOf(r) != nil {
			known.ServeHTTP(w, r)
			return
		}
		anonymous.ServeHTTP(w, r)
	})
	return routes, nil
}

// only lets in who brings the password of that user; a server may do what a node may.
func (s *supervisor) only(user string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, password, given := r.BasicAuth()
		allowed := name == user || name == "server"
		if !given || !allowed || subtle.ConstantTimeCompare([]byte(password), []byte(s.users[name])) != 1 {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		then(w, r)
	}
}

func (s *supervisor) giveClusterData(w http.ResponseWriter, _ *http.Request) {
	data, err := readClusterData(s.folder)
	answer(w, data, err)
}

func (s *supervisor) giveServerAuthority(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(w, r, s.folder.tls("server-ca.crt"))
}

func (s *supervisor) giveClientAuthority(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(w, r, s.folder.tls("client-ca.crt"))
}

func (s *supervisor) giveMembers(w http.ResponseWriter, r *http.Request) {
	members, err := s.member.clientURLs(r.Context())
	answer(w, members, err)
}

func (s *supervisor) giveServers(w http.ResponseWriter, r *http.Request) {
	members, err := s.member.clientURLs(r.Context())
	servers := []string{}
	for _, each := range members {
		host, _, _ := net.SplitHostPort(strings.TrimPrefix(each, "https://"))
		servers = append(servers, net.JoinHostPort(host, "6443"))
	}
	answer(w, servers, err)
}

func answer(w http.ResponseWriter, content any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content)
}

// readUsers reads who may join from the file k3s keeps them in: PASSWORD,NAME,...
func readUsers(f folder) (map[string]string, error) {
	content, err := os.ReadFile(f.cred("passwd"))
	users := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		if fields := strings.Split(line, ","); len(fields) > 1 {
			users[fields[1]] = fields[0]
		}
	}
	return users, err
}
