// goclient is an HTTP client with Go's own defaults: http.DefaultTransport, crypto/tls and crypto/x509 as they are. Its argument is
// one JSON object, and so is its output; proxies and the system's CAs come from the environment.
//
//	goclient '{"url":"https://127.0.0.1:8200/","ca":"/tmp/ca.pem"}'
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type order struct {
	URL string `json:"url"`
	// PEM file; empty: the CAs of the system.
	CA string `json:"ca"`
	// Instead of the host of the URL.
	ServerName string `json:"serverName"`
	// host:port of a DNS server over UDP; empty: the system's.
	DNS string `json:"dns"`
	// Milliseconds to get a connection; 0: Go's 30 s.
	DialTimeout int `json:"dialTimeout"`
	// Requests, one after the other; 0 is 1.
	Times int `json:"times"`
}

// report says how the last request went.
type report struct {
	// connects, refuses (TLS) or cannot reach.
	Outcome string `json:"outcome"`
	Status  int    `json:"status,omitempty"`
	Proto   string `json:"proto,omitempty"`
	Body    string `json:"body,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("goclient: ")
	if len(os.Args) != 2 {
		log.Fatal("wants one argument, a JSON object")
	}
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(run(o)); err != nil {
		log.Fatal(err)
	}
}

func run(o order) report {
	client, err := newClient(o)
	if err != nil {
		return report{Outcome: "refuses", Error: err.Error()}
	}
	last := report{}
	for range max(o.Times, 1) {
		if last, err = get(client, o.URL); err != nil {
			return report{Outcome: outcomeOf(err), Error: err.Error()}
		}
	}
	return last
}

// newClient changes nothing of http.DefaultTransport but what the order says.
func newClient(o order) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{ServerName: o.ServerName}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", o.CA)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if o.DNS != "" || o.DialTimeout != 0 {
		transport.DialContext = dialer(o).DialContext
	}
	return &http.Client{Transport: transport}, nil
}

func dialer(o order) *net.Dialer {
	d := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	if o.DialTimeout != 0 {
		d.Timeout = time.Duration(o.DialTimeout) * time.Millisecond
	}
	if o.DNS != "" {
		d.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", o.DNS)
		}}
	}
	return d
}

func get(client *http.Client, url string) (report, error) {
	response, err := client.Get(url)
	if err != nil {
		return report{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return report{}, err
	}
	return report{Outcome: "connects", Status: response.StatusCode, Proto: response.Proto, Body: string(body)}, nil
}

func outcomeOf(err error) string {
	var verification *tls.CertificateVerificationError
	text := err.Error()
	if errors.As(err, &verification) || strings.Contains(text, "tls: ") || strings.Contains(text, "x509: ") {
		return "refuses"
	}
	return "cannot reach"
}
