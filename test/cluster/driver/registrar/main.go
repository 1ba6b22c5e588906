// registrar answers kubelet's plugin watcher for the CSI driver, as the
// node-driver-registrar side-car does in a cluster.
package main

import (
	"context"
	"flag"
	"log"
	"net"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func main() {
	name := flag.String("driver", "secrets-store.csi.k8s.io", "name of the driver")
	endpoint := flag.String("csi", "", "the driver's socket")
	socket := flag.String("socket", "", "socket to serve in kubelet's plugins_registry")
	flag.Parse()
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, plugin{*name, *endpoint})
	log.Fatal(server.Serve(listener))
}

type plugin struct{ name, endpoint string }

func (p plugin) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              p.name,
		Endpoint:          p.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (p plugin) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	log.Printf("kubelet registered=%v error=%q", status.PluginRegistered, status.Error)
	return &registration.RegistrationStatusResponse{}, nil
}
