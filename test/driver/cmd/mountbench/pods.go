package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"keymount/test/driver/internal/satoken"
)

// pod is one simulated pod: its fixed request, and what its last Mount gave.
type pod struct {
	attributes string
	target     string
	versions   map[string]string
	sums       map[string]string
}

func makePods(o options, targets string) ([]*pod, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	var signer *satoken.Signer
	if o.signingKey != "" {
		if signer, err = satoken.LoadSigner(o.signingKey, o.issuer); err != nil {
			return nil, err
		}
	}
	if o.runID == "" {
		o.runID = fmt.Sprintf("%08x", uint32(time.Now().UnixNano()))
	}
	pods := make([]*pod, o.pods)
	for i := range pods {
		view, err := spec.view(i, o.runID)
		if err != nil {
			return nil, err
		}
		attributes, err := spec.attributes(view, o.objects)
		if err != nil {
			return nil, err
		}
		if signer != nil && len(spec.Audiences) > 0 {
			// minted once, as kubelet keeps a token for most of its life
			if attributes["csi.storage.k8s.io/serviceAccount.tokens"], err = tokens(signer, view, spec.Audiences, o.tokenTTL); err != nil {
				return nil, err
			}
		}
		raw, err := json.Marshal(attributes)
		if err != nil {
			return nil, err
		}
		pods[i] = &pod{attributes: string(raw), target: filepath.Join(targets, fmt.Sprintf("p%d", i))}
		if err := os.Mkdir(pods[i].target, 0o750); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

func tokens(signer *satoken.Signer, v View, audiences []string, ttl time.Duration) (string, error) {
	type status struct {
		Token   string `json:"token"`
		Expires string `json:"expirationTimestamp"`
	}
	out := map[string]status{}
	for _, audience := range audiences {
		id := satoken.Identity{Namespace: v.Namespace, ServiceAccount: v.ServiceAccount, PodName: v.Pod, PodUID: v.UID}
		token, end, err := signer.Mint(id, []string{audience}, ttl)
		if err != nil {
			return "", err
		}
		out[audience] = status{token, end.UTC().Format(time.RFC3339)}
	}
	raw, err := json.Marshal(out)
	return string(raw), err
}
