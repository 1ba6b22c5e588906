package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

func (s *state) getSecret(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.mu.Lock()
	secret, ok := s.secrets[r.PathValue("namespace")+"/"+name]
	s.mu.Unlock()
	if !ok {
		failure(w, 404, "NotFound", fmt.Sprintf("secrets %q not found", name))
		return
	}
	reply(w, 200, secret)
}

func (s *state) createSecret(w http.ResponseWriter, r *http.Request) {
	var secret struct {
		Metadata  object            `json:"metadata"`
		Data      map[string][]byte `json:"data"` // base64, or the request is refused
		Type      string            `json:"type"`
		Immutable bool              `json:"immutable"`
	}
	if err := json.NewDecoder(r.Body).Decode(&secret); err != nil {
		failure(w, 400, "BadRequest", err.Error())
		return
	}
	name, _ := secret.Metadata["name"].(string)
	if name == "" {
		failure(w, 422, "Invalid", "Secret \"\" is invalid: metadata.name: Required value: name or generateName is required")
		return
	}
	namespace := r.PathValue("namespace")
	created := newSecret(namespace, name, secret.Data)
	created["immutable"] = secret.Immutable
	s.mu.Lock()
	_, exists := s.secrets[namespace+"/"+name]
	if !exists {
		s.secrets[namespace+"/"+name] = created
	}
	s.mu.Unlock()
	if exists {
		failure(w, 409, "AlreadyExists", fmt.Sprintf("secrets %q already exists", name))
		return
	}
	reply(w, 201, created)
}

func newSecret(namespace, name string, data map[string][]byte) object {
	return object{"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "data": data,
		"metadata": object{"namespace": namespace, "name": name, "uid": "uid-" + name, "resourceVersion": "1"}}
}

func (s *state) getServiceAccount(w http.ResponseWriter, r *http.Request) {
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	uid := s.accountUID(namespace, name)
	if uid == "" {
		failure(w, 404, "NotFound", fmt.Sprintf("serviceaccounts %q not found", name))
		return
	}
	s.mu.Lock()
	annotations := s.annotations[namespace+"/"+name]
	s.mu.Unlock()
	reply(w, 200, object{"kind": "ServiceAccount", "apiVersion": "v1",
		"metadata": object{"namespace": namespace, "name": name, "uid": uid, "annotations": annotations}})
}

func (s *state) getNode(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.mu.Lock()
	node, ok := s.nodes[name]
	s.mu.Unlock()
	if !ok {
		failure(w, 404, "NotFound", fmt.Sprintf("nodes %q not found", name))
		return
	}
	reply(w, 200, node)
}
