package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"time"

	"k8s.io/client-go/util/keyutil"
)

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 365 * 24 * time.Hour
	// As k3s does it: what is valid for longer than this is kept when it starts again.
	renewedBefore = 120 * 24 * time.Hour
)

// authority signs certificates; its files are NAME.crt and NAME.key.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// subject is whom a certificate is for. Addresses and names make it a server's.
type subject struct {
	name          string
	organizations []string
	addresses     []string
	isServer      bool
}

func makeAuthority(path, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s@%d", name, now.Unix())},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writeKey(path+".key", key); err != nil {
		return err
	}
	return writeAs(path+".crt", pemOf(der), 0o644)
}

func loadAuthority(path string) (*authority, error) {
	certificate, err := readCertificate(path + ".crt")
	if err != nil {
		return nil, err
	}
	key, err := keyutil.PrivateKeyFromFile(path + ".key")
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key.(crypto.Signer)}, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// issue sees to it that path.crt and path.key hold a certificate for that subject; a good one is kept.
func (a *authority) issue(path string, to subject) error {
	if a.hasIssued(path, to) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signed, err := a.sign(key.Public(), to)
	if err != nil {
		return err
	}
	if err := writeKey(path+".key", key); err != nil {
		return err
	}
	return writeAs(path+".crt", signed, 0o644)
}

// hasIssued tells whether a certificate for just that subject is there, of this authority and good for long.
func (a *authority) hasIssued(path string, to subject) bool {
	found, err := readCertificate(path + ".crt")
	if err != nil || found.CheckSignatureFrom(a.certificate) != nil {
		return false
	}
	pair, err := tls.LoadX509KeyPair(path+".crt", path+".key")
	if err != nil || len(pair.Certificate) == 0 {
		return false
	}
	wanted := template(to)
	return time.Until(found.NotAfter) > renewedBefore &&
		found.Subject.String() == wanted.Subject.String() &&
		slices.EqualFunc(found.IPAddresses, wanted.IPAddresses, net.IP.Equal) &&
		slices.Equal(found.DNSNames, wanted.DNSNames) &&
		slices.Equal(found.ExtKeyUsage, wanted.ExtKeyUsage)
}

// sign gives the certificate with the authority's own behind it, as k3s does.
func (a *authority) sign(public crypto.PublicKey, to subject) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template(to), a.certificate, public, a.key)
	if err != nil {
		return nil, err
	}
	return append(pemOf(der), pemOf(a.certificate.Raw)...), nil
}

func template(to subject) *x509.Certificate {
	now := time.Now().UTC()
	template := &x509.Certificate{
		SerialNumber: serialNumber(),
		Subject:      pkix.Name{CommonName: to.name, Organization: to.organizations},
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if to.isServer {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, address := range to.addresses {
		if ip := net.ParseIP(address); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if address != "" {
			template.DNSNames = append(template.DNSNames, address)
		}
	}
	return template
}

// makeServiceKey makes the key that signs the tokens of service accounts.
func makeServiceKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writeKey(path, key)
}

func writeKey(path string, key crypto.PrivateKey) error {
	content, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return write(path, content)
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func serialNumber() *big.Int {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err)
	}
	return number
}
