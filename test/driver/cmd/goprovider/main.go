// goprovider stands for vault-csi-provider where one provider takes another's
// place: the module of the real one cannot be had from every proxy. It does with
// its socket what that one does (v1.7.4, internal/server and main.go): binds the
// path itself, removes nothing beforehand, and at SIGTERM stops gracefully, by
// which Go unlinks the path by name, whatever stands there by then
// (net.UnixListener.Close). It answers each Mount with the file `who`.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"
)

type provider struct {
	pb.UnimplementedCSIDriverProviderServer
}

func (provider) Version(context.Context, *pb.VersionRequest) (*pb.VersionResponse, error) {
	return &pb.VersionResponse{Version: "v1alpha1", RuntimeName: "vault-csi-provider", RuntimeVersion: "stub"}, nil
}

func (provider) Mount(context.Context, *pb.MountRequest) (*pb.MountResponse, error) {
	return &pb.MountResponse{
		ObjectVersion: []*pb.ObjectVersion{{Id: "who", Version: "1"}},
		Files:         []*pb.File{{Path: "who", Mode: 0o644, Contents: []byte("goprovider")}},
	}, nil
}

func main() {
	endpoint := flag.String("endpoint", "/provider/vault.sock", "path of the socket")
	flag.Parse()
	listener, err := net.Listen("unix", *endpoint)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	pb.RegisterCSIDriverProviderServer(server, provider{})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	fmt.Println("listening on", *endpoint)
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
