package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	pair, err := tls.LoadX509KeyPair(s.folder.tls("serving-kube-apiserver.crt"), s.folder.tls("serving-kube-apiserver.key"))
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
	settings := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
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
	routes.HandleFunc("GET /cacerts", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, s.folder.tls("server-ca.crt")) })
	routes.HandleFunc("GET /v1-k3s/server-bootstrap", s.only("server", s.giveClusterData))
	routes.HandleFunc("GET /v1-k3s/members", s.only("server", s.giveMembers))
	routes.HandleFunc("GET /v1-k3s/apiservers", s.only("node", s.giveServers))
	routes.HandleFunc("GET /v1-k3s/client-ca.crt", s.only("node", s.giveClientAuthority))
	routes.HandleFunc("POST /v1-k3s/client-kubelet.crt", s.only("node", s.signFor("client-ca")))
	routes.HandleFunc("POST /v1-k3s/serving-kubelet.crt", s.only("node", s.signFor("server-ca")))
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if s.userOf(r) != nil {
			known.ServeHTTP(w, r)
			return
		}
		anonymous.ServeHTTP(w, r)
	})
	return routes, nil
}

// passOn leads to the API server; it believes this front the name of a user who came with a certificate.
func (s *supervisor) passOn(known bool) (http.Handler, error) {
	authority, err := loadAuthority(s.folder.tls("server-ca"))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.certificate)
	secure := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	if known {
		own, err := tls.LoadX509KeyPair(s.folder.tls("client-auth-proxy.crt"), s.folder.tls("client-auth-proxy.key"))
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{own}
	}
	target := &url.URL{Scheme: "https", Host: net.JoinHostPort("127.0.0.1", apiServerPort)}
	rewrite := func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		for name := range r.Out.Header {
			if strings.HasPrefix(name, "X-Remote-") {
				r.Out.Header.Del(name)
			}
		}
		if user := s.userOf(r.In); user != nil {
			r.Out.Header.Set("X-Remote-User", user.Subject.CommonName)
			r.Out.Header["X-Remote-Group"] = user.Subject.Organization
		}
	}
	return &httputil.ReverseProxy{Rewrite: rewrite, Transport: &http.Transport{TLSClientConfig: secure, MaxIdleConnsPerHost: 64}, FlushInterval: -1, ErrorHandler: unavailable}, nil
}

func unavailable(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, fmt.Sprintf("apiserver not ready: %v", err), http.StatusServiceUnavailable)
}

// userOf is the certificate the caller came with, if this cluster signed it.
func (s *supervisor) userOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	wanted := x509.VerifyOptions{Roots: s.clients, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := r.TLS.PeerCertificates[0].Verify(wanted); err != nil {
		return nil
	}
	return r.TLS.PeerCertificates[0]
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

// signFor signs a node's request; the node proves by its own password that it is the one of that name.
func (s *supervisor) signFor(signer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		node := r.Header.Get("k3s-Node-Name")
		if err := s.checkNode(r.Context(), node, r.Header.Get("k3s-Node-Password")); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		to := subject{name: "system:node:" + node, organizations: []string{"system:nodes"}}
		if signer == "server-ca" {
			to = subject{name: node, isServer: true, addresses: []string{node, "127.0.0.1", "localhost", r.Header.Get("k3s-Node-IP")}}
		}
		signed, err := s.sign(signer, r.Body, to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(signed)
	}
}

func (s *supervisor) sign(signer string, body io.Reader, to subject) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(body, 1<<16))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("the body is no certificate request")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	authority, err := loadAuthority(s.folder.tls(signer))
	if err != nil {
		return nil, err
	}
	return authority.sign(request.PublicKey, to)
}

// checkNode keeps the first password a node comes with, as a secret, and wants the same ever after.
func (s *supervisor) checkNode(ctx context.Context, node, password string) error {
	if node == "" || password == "" {
		return errors.New("node name and password are needed")
	}
	secrets := s.client.CoreV1().Secrets("kube-system")
	name, hash := node+".node-password.k3s", digest([]byte(password))
	found, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"hash": hash}}
		_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	if string(found.Data["hash"]) != hash {
		return fmt.Errorf("Node password rejected, duplicate hostname or contents of '%s' may not match server node-passwd entry", nodePasswordFile)
	}
	return nil
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
