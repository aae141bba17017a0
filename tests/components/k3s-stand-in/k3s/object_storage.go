package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucket is where snapshots go besides the disk; it speaks as much of S3 as that takes, signed by version 4.
type bucket struct {
	address   url.URL
	region    string
	folder    string
	accessKey string
	secretKey string
	client    *http.Client
}

func bucketOf(o options) (*bucket, error) {
	name := o.text("etcd-s3-bucket", "")
	if name == "" {
		return nil, errors.New("s3 bucket name was not set")
	}
	scheme := "https"
	if o.truth("etcd-s3-insecure") {
		scheme = "http"
	}
	limit, err := time.ParseDuration(o.text("etcd-s3-timeout", "5m"))
	if err != nil {
		return nil, fmt.Errorf("etcd-s3-timeout: %w", err)
	}
	secure := &tls.Config{
		InsecureSkipVerify: o.truth("etcd-s3-skip-ssl-verify"), MinVersion: tls.VersionTLS12,
	}
	if file := o.text("etcd-s3-endpoint-ca", ""); file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM(content)
	}
	transport := &http.Transport{TLSClientConfig: secure, Proxy: http.ProxyFromEnvironment}
	return &bucket{
		address: url.URL{
			Scheme: scheme, Host: o.text("etcd-s3-endpoint", "s3.amazonaws.com"), Path: "/" + name + "/",
		},
		region:    o.text("etcd-s3-region", "us-east-1"),
		folder:    o.text("etcd-s3-folder", ""),
		accessKey: o.text("etcd-s3-access-key", ""),
		secretKey: o.text("etcd-s3-secret-key", ""),
		client:    &http.Client{Timeout: limit, Transport: transport},
	}, nil
}

// upload copies a snapshot to the bucket, and keeps only the newest of its prefix there.
func (s *server) upload(ctx context.Context, path, prefix string) error {
	store, err := bucketOf(s.options)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := store.call(ctx, http.MethodPut, store.key(filepath.Base(path)), nil, content); err != nil {
		return err
	}
	say("Snapshot %s uploaded to the bucket.", filepath.Base(path))
	keep, err := strconv.Atoi(s.options.text("etcd-s3-retention", s.options.text("etcd-snapshot-retention", "5")))
	if err != nil {
		return fmt.Errorf("etcd-s3-retention: %w", err)
	}
	names, err := store.names(ctx, store.key(prefix+"-"+s.node+"-"))
	if err != nil {
		return err
	}
	for i := 0; i < len(names)-keep; i++ {
		if _, err := store.call(ctx, http.MethodDelete, names[i], nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) download(ctx context.Context, name, to string) error {
	store, err := bucketOf(s.options)
	if err != nil {
		return err
	}
	content, err := store.call(ctx, http.MethodGet, store.key(name), nil, nil)
	if err != nil {
		return err
	}
	return write(to, content)
}

func (b *bucket) key(name string) string {
	return strings.TrimPrefix(b.folder+"/"+name, "/")
}

// names are the keys that begin so, the oldest first; at most a thousand.
func (b *bucket) names(ctx context.Context, prefix string) ([]string, error) {
	content, err := b.call(ctx, http.MethodGet, "", url.Values{"list-type": {"2"}, "prefix": {prefix}}, nil)
	if err != nil {
		return nil, err
	}
	var found struct {
		Contents []struct{ Key string }
	}
	if err := xml.Unmarshal(content, &found); err != nil {
		return nil, err
	}
	var names []string
	for _, each := range found.Contents {
		names = append(names, each.Key)
	}
	slices.Sort(names)
	return names, nil
}

func (b *bucket) call(ctx context.Context, method, key string, query url.Values, body []byte) ([]byte, error) {
	address := b.address
	address.Path += key
	address.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	b.sign(request, body, time.Now().UTC())
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("the bucket answers %s to %s %s: %s", response.Status, method, key, content)
	}
	return content, err
}

// sign as docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html says.
func (b *bucket) sign(request *http.Request, body []byte, now time.Time) {
	day, moment := now.Format("20060102"), now.Format("20060102T150405Z")
	request.Header.Set("x-amz-date", moment)
	request.Header.Set("x-amz-content-sha256", digest(body))
	const signed = "host;x-amz-content-sha256;x-amz-date"
	headers := fmt.Sprintf("host:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n",
		request.URL.Host, digest(body), moment)
	canonical := strings.Join([]string{
		request.Method, request.URL.EscapedPath(), request.URL.RawQuery, headers, signed, digest(body),
	}, "\n")
	scope := day + "/" + b.region + "/s3/aws4_request"
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", moment, scope, digest([]byte(canonical))}, "\n")
	key := []byte("AWS4" + b.secretKey)
	for _, part := range []string{day, b.region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, toSign))
	request.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", b.accessKey, scope, signed,
		signature,
	))
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}
