package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Report is what --json writes.
type Report struct {
	Socket     string      `json:"socket"`
	Runtime    string      `json:"runtime"`
	Pods       int         `json:"pods"`
	Objects    int         `json:"objects"`
	ProcBefore *procSample `json:"proc_before,omitempty"`
	Phases     []*Group    `json:"phases"`
}

// Group sums up the rounds of one phase. Failed Mounts count in the latencies.
type Group struct {
	Name         string         `json:"name"`
	Mounts       int            `json:"mounts"`
	Errors       int            `json:"errors"`
	ErrorTexts   map[string]int `json:"error_texts,omitempty"`
	P50ms        float64        `json:"p50_ms"`
	P90ms        float64        `json:"p90_ms"`
	P99ms        float64        `json:"p99_ms"`
	MaxMS        float64        `json:"max_ms"`
	WallS        float64        `json:"wall_s"`           // of all rounds, without pauses
	VersionsNew  int            `json:"versions_changed"` // object versions that differ from the Mount before
	ContentsNew  int            `json:"contents_changed"` // files whose bytes differ from the Mount before
	Files        int            `json:"files"`            // present after the last round
	ProviderCPUs float64        `json:"provider_cpu_s"`
	ClientCPUs   float64        `json:"client_cpu_s"`
	Backend      map[string]int `json:"backend_requests,omitempty"`
	ProcAfter    *procSample    `json:"proc_after,omitempty"`

	rounds    int
	wall      time.Duration
	latencies []time.Duration
}

func (g *Group) addError(text string) {
	g.Errors++
	if g.ErrorTexts == nil {
		g.ErrorTexts = map[string]int{}
	}
	g.ErrorTexts[text]++
}

func (g *Group) addBackend(before, after map[string]int) {
	for key, n := range after {
		if n != before[key] {
			if g.Backend == nil {
				g.Backend = map[string]int{}
			}
			g.Backend[key] += n - before[key]
		}
	}
}

func (g *Group) finish() {
	slices.Sort(g.latencies)
	ms := func(p float64) float64 {
		return float64(percentile(g.latencies, p).Microseconds()) / 1000
	}
	g.Mounts = len(g.latencies)
	g.P50ms, g.P90ms, g.P99ms, g.MaxMS = ms(50), ms(90), ms(99), ms(100)
	g.WallS = g.wall.Seconds()
}

// percentile is the nearest rank: the smallest value that p percent do not exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	// the small term keeps 99 % of 100 from becoming rank 100 by rounding
	rank := int(p/100*float64(len(sorted)) + 1 - 1e-9)
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func (r *Report) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s): %d pods x %d objects\n", r.Socket, r.Runtime, r.Pods, r.Objects)
	r.ProcBefore.print(w, "before")
	for _, g := range r.Phases {
		fmt.Fprintf(w, "%-10s n=%d errors=%d p50=%.1f p90=%.1f p99=%.1f max=%.1f ms wall=%.2fs cpu=%.2fs client_cpu=%.2fs files=%d versions_changed=%d contents_changed=%d\n",
			g.Name, g.Mounts, g.Errors, g.P50ms, g.P90ms, g.P99ms, g.MaxMS, g.WallS, g.ProviderCPUs, g.ClientCPUs, g.Files, g.VersionsNew, g.ContentsNew)
		for key, n := range g.Backend {
			fmt.Fprintf(w, "           backend %s: %d\n", key, n)
		}
		for text, n := range g.ErrorTexts {
			fmt.Fprintf(w, "           error x%d: %s\n", n, text)
		}
		g.ProcAfter.print(w, "after")
	}
}
