package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/status"
	secretsstore "sigs.k8s.io/secrets-store-csi-driver/pkg/secrets-store"
	"sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"keymount/test/driver/internal/driverclient"
)

func runtimeVersion(client v1alpha1.CSIDriverProviderClient) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return secretsstore.Version(ctx, client)
}

// outcome is one Mount.
type outcome struct {
	versions map[string]string
	err      error
	took     time.Duration
}

// round mounts every pod once, waits for all of them, and adds the result to g.
// Only the Mounts are timed; comparing is done afterwards.
func round(client v1alpha1.CSIDriverProviderClient, pods []*pod, concurrency int, o options, g *Group) error {
	before, err := backend(o.counters)
	if err != nil {
		return err
	}
	cpuBefore, ownBefore, start := cpu(o.pid), ownCPU(), time.Now()
	outcomes := mountAll(client, pods, concurrency, o)
	g.wall += time.Since(start)
	g.ProviderCPUs += cpu(o.pid) - cpuBefore
	g.ClientCPUs += ownCPU() - ownBefore
	after, err := backend(o.counters)
	if err != nil {
		return err
	}
	g.addBackend(before, after)
	g.rounds++
	g.Files = 0
	for i, out := range outcomes {
		g.latencies = append(g.latencies, out.took)
		if out.err != nil {
			g.addError(fmt.Sprintf("%s: %s", status.Code(out.err), out.err))
			continue
		}
		g.VersionsNew += changed(pods[i].versions, out.versions)
		pods[i].versions = out.versions
		if o.raw {
			continue
		}
		sums, err := hashFiles(pods[i].target)
		if err != nil {
			return err
		}
		g.ContentsNew += changed(pods[i].sums, sums)
		pods[i].sums = sums
		g.Files += len(sums)
	}
	return nil
}

func mountAll(client v1alpha1.CSIDriverProviderClient, pods []*pod, concurrency int, o options) []outcome {
	if concurrency == 0 || concurrency > len(pods) {
		concurrency = len(pods)
	}
	work := make(chan int, len(pods))
	for i := range pods {
		work <- i
	}
	close(work)
	outcomes := make([]outcome, len(pods))
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for i := range work {
				start := time.Now()
				versions, err := mountOne(client, pods[i], o)
				outcomes[i] = outcome{versions, err, time.Since(start)}
			}
		})
	}
	group.Wait()
	return outcomes
}

func mountOne(client v1alpha1.CSIDriverProviderClient, p *pod, o options) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	if !o.raw {
		versions, _, err := secretsstore.MountContent(ctx, client, p.attributes, "null", p.target, driverclient.Permission, nil)
		return versions, err
	}
	reply, err := client.Mount(ctx, &v1alpha1.MountRequest{Attributes: p.attributes, Secrets: "null", TargetPath: p.target, Permission: driverclient.Permission})
	if err != nil {
		return nil, err
	}
	if code := reply.GetError().GetCode(); code != "" {
		return nil, errors.New("provider error code " + code)
	}
	versions := map[string]string{}
	for _, v := range reply.GetObjectVersion() {
		versions[v.GetId()] = v.GetVersion()
	}
	return versions, nil
}

// changed counts what is new, gone or different; nothing is before the first Mount.
func changed(before, after map[string]string) int {
	if before == nil {
		return 0
	}
	n := 0
	for key, value := range after {
		if old, ok := before[key]; !ok || old != value {
			n++
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			n++
		}
	}
	return n
}
