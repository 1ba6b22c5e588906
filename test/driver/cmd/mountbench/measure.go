package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// procSample is what /proc tells about a process.
type procSample struct {
	RSSKiB  int     `json:"rss_kib"`
	PeakKiB int     `json:"peak_rss_kib"` // since the process started
	CPU     float64 `json:"cpu_s"`        // user and system
	FDs     int     `json:"fds"`
	Threads int     `json:"threads"`
}

// sample is nil without a pid, and when the process has ended.
func sample(pid int) *procSample {
	if pid == 0 {
		return nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	value := map[string]int{}
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			value[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	p := &procSample{RSSKiB: value["VmRSS:"], PeakKiB: value["VmHWM:"], Threads: value["Threads:"]}
	// the command's name may hold spaces: fields are counted after its ")"
	if f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(f) > 12 {
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		p.CPU = float64(user+system) / 100 // USER_HZ
	}
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		p.FDs = len(fds)
	}
	return p
}

func (p *procSample) print(w io.Writer, when string) {
	if p != nil {
		fmt.Fprintf(w, "           %s: rss=%.1f MiB peak=%.1f MiB fds=%d threads=%d\n", when, float64(p.RSSKiB)/1024, float64(p.PeakKiB)/1024, p.FDs, p.Threads)
	}
}

func cpu(pid int) float64 {
	if p := sample(pid); p != nil {
		return p.CPU
	}
	return 0
}

func ownCPU() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

// backend asks countproxy for its counts by class and status, with "total" and
// "connections" added.
func backend(address string) (map[string]int, error) {
	if address == "" {
		return nil, nil
	}
	answer, err := http.Get("http://" + address + "/counts")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var counts struct {
		Total       int            `json:"total"`
		Connections int            `json:"connections"`
		Status      map[string]int `json:"status"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&counts); err != nil {
		return nil, fmt.Errorf("countproxy: %w", err)
	}
	counts.Status["total"], counts.Status["connections"] = counts.Total, counts.Connections
	return counts.Status, nil
}

// hashFiles hashes the files that an app would see below a volume. The driver's
// writer keeps them behind a link named ..data; a provider may also have
// written them itself.
func hashFiles(volume string) (map[string]string, error) {
	root := volume
	if real, err := filepath.EvalSymlinks(filepath.Join(volume, "..data")); err == nil {
		root = real
	}
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		sum := sha256.Sum256(raw)
		out[name] = hex.EncodeToString(sum[:8])
		return err
	})
	return out, err
}
