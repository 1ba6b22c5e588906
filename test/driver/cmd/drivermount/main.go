// drivermount mounts once with the driver's own v1.6.0 client code, its checks
// of the answer and its atomic writer, and prints one line of JSON:
//
//	{"versions":{"db/password":"…"},"error":"","code":"","status":"OK"}
//
// code is the driver's error reason (GRPCProviderError, FileWriteError, or what
// the provider put into error.code); status is the gRPC status of the call. A
// refused Mount is an answer and exits 0; 1 means that it could not be tried.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/status"
	secretsstore "sigs.k8s.io/secrets-store-csi-driver/pkg/secrets-store"

	"keymount/test/driver/internal/driverclient"
)

type answer struct {
	Versions map[string]string `json:"versions"`
	Error    string            `json:"error"`
	Code     string            `json:"code"`
	Status   string            `json:"status"`
}

// text reads a flag that holds JSON, the name of a file with it, or "-" for stdin.
func text(value string) (string, error) {
	if value == "-" {
		raw, err := io.ReadAll(os.Stdin)
		return string(raw), err
	}
	if value == "null" || strings.HasPrefix(value, "{") {
		return value, nil
	}
	raw, err := os.ReadFile(value)
	return string(raw), err
}

func run() error {
	socket := flag.String("socket", "", "<dir>/<provider>.sock")
	target := flag.String("target", "", "folder that the files are written to")
	attributes := flag.String("attributes", "-", "MountRequest.attributes: JSON, a file, or - for stdin")
	secrets := flag.String("secrets", "null", "MountRequest.secrets: JSON or a file")
	timeout := flag.Duration("timeout", 2*time.Minute, "deadline, kubelet's by default")
	maxReceive := flag.Int("max-call-recv-msg-size", driverclient.MaxReceive, "as the driver's flag of that name")
	flag.Parse()

	attributesText, err := text(*attributes)
	if err != nil {
		return err
	}
	secretsText, err := text(*secrets)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*target, 0o750); err != nil {
		return err
	}
	client, closeClient, err := driverclient.Open(*socket, *maxReceive)
	if err != nil {
		return err
	}
	defer closeClient()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	versions, code, err := secretsstore.MountContent(ctx, client, attributesText, secretsText, *target, driverclient.Permission, nil)
	out := answer{Versions: versions, Code: code, Status: "OK"}
	if err != nil {
		out.Error = err.Error()
		if s, ok := status.FromError(err); ok {
			out.Status = s.Code().String()
		}
	}
	if out.Versions == nil {
		out.Versions = map[string]string{}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "drivermount:", err)
		os.Exit(1)
	}
}
