package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

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
		path := s.folder.tls("client-auth-proxy")
		own, err := tls.LoadX509KeyPair(path+".crt", path+".key")
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
	transport := &http.Transport{TLSClientConfig: secure, MaxIdleConnsPerHost: 64}
	return &httputil.ReverseProxy{Rewrite: rewrite, Transport: transport, FlushInterval: -1, ErrorHandler: unavailable}, nil
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
