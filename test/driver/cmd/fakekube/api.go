package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"keymount/test/driver/internal/satoken"
)

type object = map[string]any

// state is the cluster. Any ServiceAccount exists, with a uid derived from its
// name, unless the test gave it another or deleted it; Secrets and Nodes exist
// only when the test or the API made them.
type state struct {
	signer *satoken.Signer

	mu       sync.Mutex
	secrets  map[string]object // by namespace/name
	nodes    map[string]object // by name
	accounts map[string]string // uid by namespace/name; "" is deleted
	// annotations of ServiceAccounts by namespace/name
	annotations map[string]map[string]string
	requests    map[string]int // by "METHOD /path"
	fault       fault
}

func newState(signer *satoken.Signer) *state {
	return &state{signer: signer, secrets: map[string]object{}, nodes: map[string]object{}, accounts: map[string]string{}, annotations: map[string]map[string]string{}, requests: map[string]int{}}
}

// api is what an API server would serve, behind the count, the fault that a
// test has set, and authentication.
func (s *state) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/secrets/{name}", s.getSecret)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/secrets", s.createSecret)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/serviceaccounts/{name}", s.getServiceAccount)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", s.requestToken)
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", s.reviewToken)
	mux.HandleFunc("GET /api/v1/nodes/{name}", s.getNode)
	mux.HandleFunc("GET /openid/v1/jwks", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, s.signer.JWKS()) })
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, object{"issuer": s.signer.Issuer, "jwks_uri": "https://" + r.Host + "/openid/v1/jwks",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		failure(w, 404, "NotFound", "the server could not find the requested resource")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[r.Method+" "+r.URL.Path]++
		f := s.fault
		s.mu.Unlock()
		if f.applies(r) && f.serve(w, r) {
			return
		}
		if !s.authenticated(r) {
			failure(w, 401, "Unauthorized", "Unauthorized")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// authenticated is true for a token of this cluster that is meant for its API.
func (s *state) authenticated(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	claims, err := s.signer.Verify(token)
	return err == nil && slices.Contains(claims.Audiences, s.signer.Issuer) && s.accountExists(claims)
}

// accountExists is false once the ServiceAccount of a token was deleted, or
// made again with another uid.
func (s *state) accountExists(claims *satoken.Claims) bool {
	k := claims.Kubernetes
	return s.accountUID(k.Namespace, k.ServiceAccount.Name) == k.ServiceAccount.UID
}

// accountUID is "" for a deleted ServiceAccount.
func (s *state) accountUID(namespace, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uid, known := s.accounts[namespace+"/"+name]; known {
		return uid
	}
	return satoken.ServiceAccountUID(namespace, name)
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func failure(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, object{"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure", "message": message, "reason": reason, "code": code})
}
