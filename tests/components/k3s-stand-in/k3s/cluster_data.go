package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// What every server of a cluster must have alike; kept in etcd, encrypted by the token, and given to who joins.
var sharedFiles = []string{
	"tls/server-ca.crt", "tls/server-ca.key", "tls/client-ca.crt", "tls/client-ca.key",
	"tls/request-header-ca.crt", "tls/request-header-ca.key", "tls/service.key",
	"tls/etcd/server-ca.crt", "tls/etcd/server-ca.key", "tls/etcd/peer-ca.crt", "tls/etcd/peer-ca.key",
	"cred/encryption-config.json",
}

var authorityNames = map[string]string{
	"server-ca": "k3s-server-ca", "client-ca": "k3s-client-ca", "request-header-ca": "k3s-request-header-ca",
	"etcd/server-ca": "etcd-server-ca", "etcd/peer-ca": "etcd-peer-ca",
}

const encryptionConfiguration = `{
  "kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1",
  "resources": [{"resources": ["secrets"], "providers": [
    {"aescbc": {"keys": [{"name": "aescbckey", "secret": %q}]}}, {"identity": {}}
  ]}]
}`

// makeClusterData makes what of it is missing, for the first server of a cluster.
func makeClusterData(f folder, encrypt bool) error {
	for name, title := range authorityNames {
		if exists(f.tls(name + ".key")) {
			continue
		}
		if err := makeAuthority(f.tls(name), title); err != nil {
			return err
		}
	}
	if !exists(f.tls("service.key")) {
		if err := makeServiceKey(f.tls("service.key")); err != nil {
			return err
		}
	}
	if !encrypt || exists(f.cred("encryption-config.json")) {
		return nil
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	content := fmt.Sprintf(encryptionConfiguration, base64.StdEncoding.EncodeToString(key))
	return write(f.cred("encryption-config.json"), []byte(content))
}

func readClusterData(f folder) (map[string][]byte, error) {
	data := map[string][]byte{}
	for _, name := range sharedFiles {
		content, err := os.ReadFile(f.server(name))
		if errors.Is(err, os.ErrNotExist) && name == "cred/encryption-config.json" {
			continue
		}
		if err != nil {
			return nil, err
		}
		data[name] = content
	}
	return data, nil
}

func writeClusterData(f folder, data map[string][]byte) error {
	for _, name := range sharedFiles {
		if content, given := data[name]; given {
			if err := write(f.server(name), content); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepClusterData puts it into etcd the first time. Later it checks that the token still opens it, and that the
// files of this server are the cluster's: after the restore of another cluster's snapshot they are not.
func keepClusterData(ctx context.Context, client *clientv3.Client, f folder, password string) error {
	data, err := readClusterData(f)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(data)
	if err != nil {
		return err
	}
	found, err := client.Get(ctx, "/bootstrap/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	if len(found.Kvs) == 0 {
		sealed, err := seal(plain, password)
		if err != nil {
			return err
		}
		_, err = client.Put(ctx, bootstrapKey(password), string(sealed))
		return err
	}
	for _, each := range found.Kvs {
		if string(each.Key) == bootstrapKey(password) {
			return adopt(f, each.Value, plain, password)
		}
	}
	return errors.New("bootstrap data already found and encrypted with different token")
}

func adopt(f folder, sealed, plain []byte, password string) error {
	opened, err := open(sealed, password)
	if err != nil || bytes.Equal(opened, plain) {
		return err
	}
	say("the certificate authorities of the datastore replace those on disk")
	data := map[string][]byte{}
	if err := json.Unmarshal(opened, &data); err != nil {
		return err
	}
	return writeClusterData(f, data)
}

func bootstrapKey(password string) string {
	return "/bootstrap/" + digest([]byte(password))[:12]
}

func cipherOf(password string, salt []byte) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, password, salt, 4096, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seal(plain []byte, password string) ([]byte, error) {
	start := make([]byte, 8+12)
	if _, err := rand.Read(start); err != nil {
		return nil, err
	}
	box, err := cipherOf(password, start[:8])
	if err != nil {
		return nil, err
	}
	return box.Seal(start, start[8:], plain, nil), nil
}

func open(sealed []byte, password string) ([]byte, error) {
	if len(sealed) < 20 {
		return nil, errors.New("the bootstrap data in the datastore is cut off")
	}
	box, err := cipherOf(password, sealed[:8])
	if err != nil {
		return nil, err
	}
	return box.Open(nil, sealed[8:20], sealed[20:], nil)
}

func runSecretsEncrypt(arguments []string) error {
	if len(arguments) != 1 || arguments[0] != "status" {
		return errors.New("the stand-in knows `k3s secrets-encrypt status` alone")
	}
	if !exists(folderOf(options{}).cred("encryption-config.json")) {
		fmt.Println("Encryption Status: Disabled, no configuration file found")
		return nil
	}
	fmt.Print("Encryption Status: Enabled\nCurrent Rotation Stage: start\n" +
		"Server Encryption Hashes: All hashes match\n\nActive  Key Type  Name\n------  --------  ----\n *      AES-CBC   aescbckey\n")
	return nil
}
