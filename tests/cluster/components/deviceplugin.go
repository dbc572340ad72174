package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// pretend offers devices that do not exist, as a graphics card's plugin would. A container that is
// given one finds its identifier in PRETEND_GPU_UUIDS and nothing else.
type pretend struct {
	plugin.UnimplementedDevicePluginServer
	devices []*plugin.Device
}

func (p *pretend) GetDevicePluginOptions(context.Context, *plugin.Empty) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{}, nil
}

func (p *pretend) ListAndWatch(_ *plugin.Empty, stream plugin.DevicePlugin_ListAndWatchServer) error {
	if err := stream.Send(&plugin.ListAndWatchResponse{Devices: p.devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (p *pretend) Allocate(_ context.Context, request *plugin.AllocateRequest) (*plugin.AllocateResponse, error) {
	response := &plugin.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		ids := ""
		for i, id := range container.DevicesIds {
			if i > 0 {
				ids += ","
			}
			ids += id
		}
		response.ContainerResponses = append(response.ContainerResponses, &plugin.ContainerAllocateResponse{
			Envs: map[string]string{"PRETEND_GPU_UUIDS": ids},
		})
	}
	return response, nil
}

func runDevicePlugin() {
	flags := flag.NewFlagSet("device-plugin", flag.ExitOnError)
	folder := flags.String("folder", plugin.DevicePluginPath, "kubelet's device-plugins folder")
	resource := flags.String("resource", "nvidia.com/gpu", "resource name to offer")
	count := flags.Int("count", 2, "devices to offer")
	_ = flags.Parse(os.Args[1:])
	server := &pretend{}
	for i := range *count {
		server.devices = append(server.devices, &plugin.Device{
			ID: fmt.Sprintf("GPU-pretend-%04d", i), Health: plugin.Healthy,
		})
	}
	if err := server.serve(*folder, *resource); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve listens in kubelet's folder, tells kubelet so, and again whenever kubelet starts anew (it
// then empties that folder).
func (p *pretend) serve(folder, resource string) error {
	const name = "pretend-gpu.sock"
	path := filepath.Join(folder, name)
	for {
		_ = os.Remove(path)
		listener, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		rpc := grpc.NewServer()
		plugin.RegisterDevicePluginServer(rpc, p)
		go func() { _ = rpc.Serve(listener) }()
		for register(folder, name, resource) != nil {
			time.Sleep(200 * time.Millisecond)
		}
		for {
			if _, err := os.Stat(path); err != nil {
				break
			}
			time.Sleep(500 * time.Millisecond)
		}
		rpc.Stop()
	}
}

func register(folder, endpoint, resource string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	connection, err := grpc.NewClient(
		"unix://"+filepath.Join(folder, "kubelet.sock"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = plugin.NewRegistrationClient(connection).Register(ctx, &plugin.RegisterRequest{
		Version: plugin.Version, Endpoint: endpoint, ResourceName: resource,
	})
	return err
}
