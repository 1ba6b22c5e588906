package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// fault is what befalls the requests that it applies to.
type fault struct {
	Mode   string `json:"mode"`   // "" none, "hang": no answer until it is lifted or the client goes, "fail": answer Status, "gone": connections refused
	Status int    `json:"status"` // of "fail"
	Path   string `json:"path"`   // applies to paths that contain this text ("" is all); not for "gone"
	lifted chan struct{}
}

func (f fault) applies(r *http.Request) bool {
	return f.Mode != "" && strings.Contains(r.URL.Path, f.Path)
}

// serve returns true if it has answered.
func (f fault) serve(w http.ResponseWriter, r *http.Request) bool {
	switch f.Mode {
	case "fail":
		failure(w, f.Status, "TestFault", "a test made this call fail")
		return true
	case "hang":
		select {
		case <-f.lifted:
			return false
		case <-r.Context().Done():
			return true
		}
	}
	return false
}

// control is the address that tests use:
//
//	GET    /requests                              counts by "METHOD /path"
//	POST   /reset                                 forget them
//	PUT    /secrets/{namespace}/{name}            body: its data, {"key":"base64"}
//	DELETE /secrets/{namespace}/{name}
//	PUT    /serviceaccounts/{namespace}/{name}    body: {"uid":"..."}; another uid is the account made anew
//	DELETE /serviceaccounts/{namespace}/{name}
//	PUT    /annotations/{namespace}/{name}        body: those of a ServiceAccount
//	PUT    /nodes/{name}                          body: its labels
//	PUT    /fault                                 body: {"mode","status","path"}; {} lifts it
func (s *state) control(g *gate) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		reply(w, 200, s.requests)
	})
	change := func(pattern string, apply func(r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := apply(r); err != nil {
				http.Error(w, err.Error(), 400)
				return
			}
			w.WriteHeader(204)
		})
	}
	locked := func(apply func(key string, r *http.Request) error) func(r *http.Request) error {
		return func(r *http.Request) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return apply(r.PathValue("namespace")+"/"+r.PathValue("name"), r)
		}
	}
	change("POST /reset", locked(func(string, *http.Request) error {
		s.requests = map[string]int{}
		return nil
	}))
	change("PUT /secrets/{namespace}/{name}", locked(func(key string, r *http.Request) error {
		var data map[string][]byte
		err := json.NewDecoder(r.Body).Decode(&data)
		s.secrets[key] = newSecret(r.PathValue("namespace"), r.PathValue("name"), data)
		return err
	}))
	change("DELETE /secrets/{namespace}/{name}", locked(func(key string, _ *http.Request) error {
		delete(s.secrets, key)
		return nil
	}))
	change("PUT /serviceaccounts/{namespace}/{name}", locked(func(key string, r *http.Request) error {
		var account struct{ UID string }
		err := json.NewDecoder(r.Body).Decode(&account)
		s.accounts[key] = account.UID
		return err
	}))
	change("DELETE /serviceaccounts/{namespace}/{name}", locked(func(key string, _ *http.Request) error {
		s.accounts[key] = ""
		return nil
	}))
	change("PUT /annotations/{namespace}/{name}", locked(func(key string, r *http.Request) error {
		var annotations map[string]string
		err := json.NewDecoder(r.Body).Decode(&annotations)
		s.annotations[key] = annotations
		return err
	}))
	change("PUT /nodes/{name}", locked(func(_ string, r *http.Request) error {
		var labels map[string]string
		err := json.NewDecoder(r.Body).Decode(&labels)
		name := r.PathValue("name")
		s.nodes[name] = object{"kind": "Node", "apiVersion": "v1", "metadata": object{"name": name, "uid": "uid-" + name, "labels": labels}}
		return err
	}))
	change("PUT /fault", func(r *http.Request) error { return s.setFault(r, g) })
	return mux
}

func (s *state) setFault(r *http.Request, g *gate) error {
	next := fault{lifted: make(chan struct{})}
	if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
		return err
	}
	s.mu.Lock()
	before := s.fault
	s.fault = next
	s.mu.Unlock()
	if before.lifted != nil {
		close(before.lifted)
	}
	if next.Mode == "gone" {
		g.close()
		return nil
	}
	return g.open()
}
