package main

import (
	"fmt"
	"strings"
	"sync"
)

// counts is what GET /counts answers.
type counts struct {
	mu          sync.Mutex
	Total       int            `json:"total"`
	Path        map[string]int `json:"path"`        // by method and path
	Status      map[string]int `json:"status"`      // by method, class of path, and HTTP status
	Connections int            `json:"connections"` // accepted
	InFlight    int            `json:"in_flight"`
	MaxInFlight int            `json:"max_in_flight"`
}

func (c *counts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Total, c.Connections, c.MaxInFlight = 0, 0, c.InFlight
	c.Path, c.Status = map[string]int{}, map[string]int{}
}

func (c *counts) connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Connections++
}

func (c *counts) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.InFlight++
	c.MaxInFlight = max(c.MaxInFlight, c.InFlight)
}

func (c *counts) end(method, path string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.InFlight--
	c.Total++
	c.Path[method+" "+path]++
	c.Status[fmt.Sprintf("%s %s %d", method, class(path), status)]++
}

// class keeps auth/<mount>/<verb>, and <mount>/<first segment> of others.
func class(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	keep := 2
	if segments[0] == "auth" {
		keep = 3
	}
	return strings.Join(segments[:min(keep, len(segments))], "/")
}
