package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// signFor signs a node's request; the node proves by its own password that it is the one of that name. `user` is
// whose certificate it is to be, where it is not the node's own.
func (s *supervisor) signFor(signer, user string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		node := r.Header.Get("k3s-Node-Name")
		if err := s.checkNode(r.Context(), node, r.Header.Get("k3s-Node-Password")); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		to := subject{name: "system:node:" + node, organizations: []string{"system:nodes"}}
		if user != "" {
			to = subject{name: user}
		}
		if signer == "server-ca" {
			own := []string{node, "127.0.0.1", "localhost", r.Header.Get("k3s-Node-IP")}
			to = subject{name: node, isServer: true, addresses: own}
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
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"hash": hash},
		}
		_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	if string(found.Data["hash"]) != hash {
		return fmt.Errorf("Node password rejected, duplicate hostname or contents of '%s' may not match "+
			"server node-passwd entry", nodePasswordFile)
	}
	return nil
}
