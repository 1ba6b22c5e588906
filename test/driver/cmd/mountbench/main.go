// mountbench mounts for many pods as the Secrets Store CSI driver does, with the
// driver's own client and file writer, and measures the provider.
//
//	mountbench --socket DIR/vault.sock --spec spec.json --signing-key sa.key --pods 110 --objects 3 \
//	    --phase storm:1:0 --phase republish:10:0 --phase single:1:1 --watch-pid 4711
//
// A phase is NAME:ROUNDS:CONCURRENCY. A round mounts each pod once; concurrency
// 0 is all pods at once. All phases are of the same pods with the same tokens, so
// the first round is cold and all others are what kubelet's republishing does.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"keymount/test/driver/internal/driverclient"
	"keymount/test/driver/internal/satoken"
)

type options struct {
	socket, spec, signingKey, issuer, targets, jsonOut, runID, counters string
	pods, objects, pid                                                  int
	timeout, pause, tokenTTL                                            time.Duration
	raw                                                                 bool
	phases                                                              phaseList
}

type phase struct {
	name                string
	rounds, concurrency int
}

type phaseList []phase

func (l *phaseList) String() string { return "" }

func (l *phaseList) Set(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[0] == "" {
		return fmt.Errorf("%q is not NAME:ROUNDS:CONCURRENCY", text)
	}
	rounds, err := strconv.Atoi(parts[1])
	if err != nil || rounds < 1 {
		return fmt.Errorf("%q: %q rounds", text, parts[1])
	}
	concurrency, err := strconv.Atoi(parts[2])
	if err != nil || concurrency < 0 {
		return fmt.Errorf("%q: %q Mounts at once", text, parts[2])
	}
	*l = append(*l, phase{parts[0], rounds, concurrency})
	return nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mountbench: ")
	var o options
	flag.StringVar(&o.socket, "socket", "", "<dir>/<provider>.sock")
	flag.StringVar(&o.spec, "spec", "", "spec file, JSON or YAML (spec.go)")
	flag.IntVar(&o.pods, "pods", 1, "pods")
	flag.IntVar(&o.objects, "objects", 1, "objects of the class")
	flag.Var(&o.phases, "phase", "NAME:ROUNDS:CONCURRENCY, repeatable (default storm:1:0)")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "deadline of one Mount, kubelet's by default")
	flag.DurationVar(&o.pause, "pause", 0, "pause before each round but the first")
	flag.StringVar(&o.signingKey, "signing-key", "", "RSA key to mint pod tokens with (none: pods have no tokens)")
	flag.StringVar(&o.issuer, "issuer", satoken.DefaultIssuer, "token issuer")
	flag.DurationVar(&o.tokenTTL, "token-ttl", time.Hour, "pod token lifetime")
	flag.StringVar(&o.targets, "target-dir", "", "where the folder of the pods' volumes is made (default: the system's temporary folder)")
	flag.StringVar(&o.runID, "run-id", "", "part of pod names and uids (default: from the clock)")
	flag.BoolVar(&o.raw, "raw", false, "only the Mount call: neither write nor compare files")
	flag.IntVar(&o.pid, "watch-pid", 0, "process to measure CPU and memory of")
	flag.StringVar(&o.counters, "counters", "", "control address of countproxy, to report backend requests")
	flag.StringVar(&o.jsonOut, "json", "", "write the report as JSON here instead of text to stdout")
	flag.Parse()
	if len(o.phases) == 0 {
		o.phases = phaseList{{"storm", 1, 0}}
	}
	report, err := run(o)
	if err != nil {
		log.Fatal(err)
	}
	if o.jsonOut == "" {
		report.print(os.Stdout)
		return
	}
	raw, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = os.WriteFile(o.jsonOut, append(raw, '\n'), 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(o options) (*Report, error) {
	targets, err := os.MkdirTemp(o.targets, "mountbench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(targets)
	pods, err := makePods(o, targets)
	if err != nil {
		return nil, err
	}
	client, closeClient, err := driverclient.Open(o.socket, driverclient.MaxReceive)
	if err != nil {
		return nil, err
	}
	defer closeClient()
	report := &Report{Socket: o.socket, Pods: o.pods, Objects: o.objects}
	// this also opens the connection, which the driver has long done before a storm
	if report.Runtime, err = runtimeVersion(client); err != nil {
		return nil, fmt.Errorf("Version: %w", err)
	}
	report.ProcBefore = sample(o.pid)
	for _, p := range o.phases {
		total := &Group{Name: p.name}
		for range p.rounds {
			if len(report.Phases) > 0 || total.rounds > 0 {
				time.Sleep(o.pause)
			}
			if err := round(client, pods, p.concurrency, o, total); err != nil {
				return nil, err
			}
		}
		total.finish()
		total.ProcAfter = sample(o.pid)
		report.Phases = append(report.Phases, total)
	}
	return report, nil
}
