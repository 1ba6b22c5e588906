package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"keymount/test/driver/internal/satoken"
)

// requestToken is ServiceAccount TokenRequest, with the real one's rules: no
// audience means the API server's, ten minutes is the least.
func (s *state) requestToken(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Spec struct {
			Audiences         []string `json:"audiences"`
			ExpirationSeconds *int64   `json:"expirationSeconds"`
			BoundObjectRef    *struct {
				Kind string `json:"kind"`
				Name string `json:"name"`
				UID  string `json:"uid"`
			} `json:"boundObjectRef"`
		} `json:"spec"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		failure(w, 400, "BadRequest", err.Error())
		return
	}
	id := satoken.Identity{Namespace: r.PathValue("namespace"), ServiceAccount: r.PathValue("name")}
	if id.ServiceAccountUID = s.accountUID(id.Namespace, id.ServiceAccount); id.ServiceAccountUID == "" {
		failure(w, 404, "NotFound", fmt.Sprintf("serviceaccounts %q not found", id.ServiceAccount))
		return
	}
	seconds := int64(3600)
	if request.Spec.ExpirationSeconds != nil {
		seconds = *request.Spec.ExpirationSeconds
	}
	if seconds < 600 {
		failure(w, 422, "Invalid", "spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes")
		return
	}
	audiences := request.Spec.Audiences
	if len(audiences) == 0 {
		audiences = []string{s.signer.Issuer}
	}
	if bound := request.Spec.BoundObjectRef; bound != nil && bound.Kind == "Pod" {
		id.PodName, id.PodUID = bound.Name, bound.UID
	}
	token, end, err := s.signer.Mint(id, audiences, time.Duration(seconds)*time.Second)
	if err != nil {
		failure(w, 500, "InternalError", err.Error())
		return
	}
	reply(w, 201, object{"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
		"metadata": object{"namespace": id.Namespace, "name": id.ServiceAccount},
		"spec":     object{"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": request.Spec.BoundObjectRef},
		"status":   object{"token": token, "expirationTimestamp": end.UTC().Format(time.RFC3339)}})
}

// reviewToken authenticates a token only for audiences that it was issued for;
// no audience in the request means the API server's.
func (s *state) reviewToken(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Spec struct {
			Token     string   `json:"token"`
			Audiences []string `json:"audiences"`
		} `json:"spec"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		failure(w, 400, "BadRequest", err.Error())
		return
	}
	wanted := review.Spec.Audiences
	if len(wanted) == 0 {
		wanted = []string{s.signer.Issuer}
	}
	reply(w, 201, object{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": object{},
		"spec": review.Spec, "status": s.reviewed(review.Spec.Token, wanted)})
}

func (s *state) reviewed(token string, wanted []string) object {
	refused := func(why string) object { return object{"authenticated": false, "user": object{}, "error": why} }
	claims, err := s.signer.Verify(token)
	if err != nil {
		return refused(err.Error())
	}
	matching := slices.DeleteFunc(slices.Clone(claims.Audiences), func(a string) bool { return !slices.Contains(wanted, a) })
	if len(matching) == 0 {
		return refused(fmt.Sprintf("token audiences %q is invalid for the target audiences %q", claims.Audiences, wanted))
	}
	if !s.accountExists(claims) {
		return refused("the ServiceAccount has been deleted")
	}
	k := claims.Kubernetes
	extra := map[string][]string{}
	if k.Pod != nil {
		extra["authentication.kubernetes.io/pod-name"] = []string{k.Pod.Name}
		extra["authentication.kubernetes.io/pod-uid"] = []string{k.Pod.UID}
	}
	return object{"authenticated": true, "audiences": matching, "user": object{"username": claims.Subject, "uid": k.ServiceAccount.UID,
		"groups": []string{"system:serviceaccounts", "system:serviceaccounts:" + k.Namespace, "system:authenticated"}, "extra": extra}}
}
