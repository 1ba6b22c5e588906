// Package driverclient opens a provider's socket with the Secrets Store CSI
// driver's own client code: authority "localhost", wait for ready, three tries
// of UNAVAILABLE.
package driverclient

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"
	"k8s.io/klog/v2"
	secretsstore "sigs.k8s.io/secrets-store-csi-driver/pkg/secrets-store"
	"sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"
)

const (
	// Permission is what the driver marshals its fixed file mode 0644 to.
	Permission = "420"
	// MaxReceive is the default of the driver's --max-call-recv-msg-size.
	MaxReceive = 4 << 20
)

// Open returns a client for <dir>/<provider>.sock, and what closes it.
func Open(socket string, maxReceive int) (v1alpha1.CSIDriverProviderClient, func(), error) {
	dir, file := filepath.Split(socket)
	provider, ok := strings.CutSuffix(file, ".sock")
	if !ok {
		return nil, nil, fmt.Errorf("%s: a provider's socket is named <provider>.sock", socket)
	}
	// the driver's log lines would otherwise fill stderr
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	builder := secretsstore.NewPluginClientBuilder([]string{dir}, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)))
	client, err := builder.Get(context.Background(), provider)
	if err != nil {
		return nil, nil, err
	}
	return client, builder.Cleanup, nil
}
