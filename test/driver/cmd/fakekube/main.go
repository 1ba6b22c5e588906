// fakekube stands in, over https, for the few Kubernetes API calls that a CSI
// secrets provider and its backend make: Secrets get and create, ServiceAccount
// get and TokenRequest, TokenReview, Node get, and the issuer's keys. Like an
// API server it wants a valid token for every call.
//
// It writes what a process under test needs into --dir: ca.crt, token,
// namespace (the files of a pod's ServiceAccount) and kubeconfig.
//
// Tests set its state, and make it fail, through a plain http control address;
// see control.go.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"keymount/test/driver/internal/satoken"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("fakekube: ")
	listen := flag.String("listen", "127.0.0.1:18220", "https address")
	controlAddress := flag.String("control", "127.0.0.1:18221", "http control address")
	key := flag.String("key", "", "the cluster's signing key (RSA, PKCS#8, PEM)")
	issuer := flag.String("issuer", satoken.DefaultIssuer, "issuer of tokens")
	dir := flag.String("dir", "", "folder for ca.crt, token, namespace and kubeconfig")
	namespace := flag.String("namespace", "kube-system", "namespace of the process under test")
	flag.Parse()

	signer, err := satoken.LoadSigner(*key, *issuer)
	check(err)
	certificate, ca, err := selfSigned(*listen)
	check(err)
	own, _, err := signer.Mint(satoken.Identity{Namespace: *namespace, ServiceAccount: "keymount"}, []string{*issuer}, 24*time.Hour)
	check(err)
	check(writeFiles(*dir, map[string][]byte{
		"ca.crt": ca, "token": []byte(own), "namespace": []byte(*namespace), "kubeconfig": kubeconfig(*listen, ca, own, *namespace),
	}))

	state := newState(signer)
	listener := &gate{address: *listen, certificate: certificate, handler: state.api()}
	check(listener.open())
	log.Printf("https://%s, control http://%s", *listen, *controlAddress)
	check(http.ListenAndServe(*controlAddress, state.control(listener)))
}

func kubeconfig(address string, ca []byte, token, namespace string) []byte {
	// Go's JSON of a []byte is base64, as kubeconfig wants it; JSON is YAML
	raw, _ := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Config", "current-context": "fake",
		"clusters": []any{map[string]any{"name": "fake", "cluster": map[string]any{"server": "https://" + address, "certificate-authority-data": ca}}},
		"users":    []any{map[string]any{"name": "fake", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "fake", "context": map[string]any{"cluster": "fake", "user": "fake", "namespace": namespace}}}})
	return raw
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// host is the IP of an address, for the certificate.
func host(address string) net.IP {
	h, _, _ := net.SplitHostPort(address)
	return net.ParseIP(h)
}
