// countproxy is a reverse proxy in front of a backend that counts requests by
// method, path and status, and can add latency to each of them.
//
//	countproxy --listen 127.0.0.1:18210 --target http://127.0.0.1:18200 --control 127.0.0.1:18211
//
// Control: GET /counts, POST /reset, POST /delay?ms=20.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	r.status = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController flush through the recorder.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func main() {
	log.SetFlags(0)
	log.SetPrefix("countproxy: ")
	listen := flag.String("listen", "127.0.0.1:18210", "proxy address")
	control := flag.String("control", "127.0.0.1:18211", "control address")
	target := flag.String("target", "http://127.0.0.1:18200", "backend")
	flag.Parse()
	backend, err := url.Parse(*target)
	if err != nil {
		log.Fatal(err)
	}
	c := &counts{}
	c.reset()
	var delay atomic.Int64 // milliseconds
	go func() { log.Fatal(http.ListenAndServe(*control, controls(c, &delay))) }()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%s -> %s, control %s", *listen, *target, *control)
	log.Fatal(server(c, &delay, backend).Serve(listener))
}

func server(c *counts, delay *atomic.Int64, backend *url.URL) *http.Server {
	proxy := httputil.NewSingleHostReverseProxy(backend)
	// as many connections as the provider wants: the proxy must not be the limit that is measured
	proxy.Transport = &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute, DisableCompression: true}
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.begin()
			recorded := &recorder{ResponseWriter: w, status: 200}
			method, path := r.Method, r.URL.Path
			// deferred, because the proxy panics when a client goes away
			defer func() { c.end(method, path, recorded.status) }()
			time.Sleep(time.Duration(delay.Load()) * time.Millisecond)
			proxy.ServeHTTP(recorded, r)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				c.connected()
			}
		},
	}
}

func controls(c *counts, delay *atomic.Int64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(c)
	})
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { c.reset() })
	mux.HandleFunc("POST /delay", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.ParseInt(r.URL.Query().Get("ms"), 10, 64)
		if err != nil || ms < 0 {
			http.Error(w, "ms is not a number of milliseconds", http.StatusBadRequest)
			return
		}
		delay.Store(ms)
	})
	return mux
}
