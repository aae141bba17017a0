package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	callLimit        = 15 * time.Second
	nodePasswordFile = "/etc/rancher/node/password"
)

// cluster is a cluster seen from outside, through one of its servers.
type cluster struct {
	url       string
	token     token
	authority []byte
	client    *http.Client
}

// meet fetches the authority of the cluster, and trusts it if the token says so.
func meet(ctx context.Context, url string, with token) (*cluster, error) {
	careless := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c := &cluster{
		url: strings.TrimSuffix(url, "/"), token: with,
		client: &http.Client{Timeout: callLimit, Transport: careless},
	}
	authority, err := c.call(ctx, http.MethodGet, "/cacerts", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	if with.hash != "" && with.hash != digest(authority) {
		const complaint = "failed to validate token: token CA hash does not match the Cluster CA certificate hash"
		return nil, fmt.Errorf("%s: %s != %s", complaint, with.hash, digest(authority))
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authority) {
		return nil, errors.New("the server gives no certificate authority")
	}
	c.authority = authority
	secure := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	c.client = &http.Client{Timeout: callLimit, Transport: &http.Transport{TLSClientConfig: secure}}
	return c, nil
}

// ask calls with the token and reads the answer into `into`.
func (c *cluster) ask(ctx context.Context, method, path string, headers map[string]string, body []byte, into any) error {
	content, err := c.call(ctx, method, path, headers, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

func (c *cluster) call(ctx context.Context, method, path string, headers map[string]string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if path != "/cacerts" {
		request.SetBasicAuth(c.token.user, c.token.password)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("%s: 401 Unauthorized: the token is not this cluster's", c.url+path)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", c.url+path, response.Status, bytes.TrimSpace(content))
	}
	return content, nil
}

// certify has a key of this node signed and writes both to path.crt and path.key.
func (c *cluster) certify(ctx context.Context, path, endpoint, node, address string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: node}}
	wish, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return err
	}
	password, err := nodePassword()
	if err != nil {
		return err
	}
	headers := map[string]string{"k3s-Node-Name": node, "k3s-Node-Password": password, "k3s-Node-IP": address}
	body := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: wish})
	signed, err := c.call(ctx, http.MethodPost, endpoint, headers, body)
	if err != nil {
		return err
	}
	if err := writeKey(path+".key", key); err != nil {
		return err
	}
	return writeAs(path+".crt", signed, 0o644)
}

func nodePassword() (string, error) {
	if !exists(nodePasswordFile) {
		if err := write(nodePasswordFile, []byte(randomText(16)+"\n")); err != nil {
			return "", err
		}
	}
	return readText(nodePasswordFile)
}
