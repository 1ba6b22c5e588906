package satoken

import (
	"path/filepath"
	"testing"
	"time"
)

func newSigner(t *testing.T, issuer string) *Signer {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "sa.key")
	if err := GenerateKey(key, filepath.Join(dir, "sa.pub")); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(key, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mint(t *testing.T, s *Signer, ttl time.Duration) string {
	t.Helper()
	token, _, err := s.Mint(Identity{Namespace: "shop", ServiceAccount: "web", PodName: "web-0", PodUID: "u"}, []string{"vault"}, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenTellsWhoItIsFor(t *testing.T) {
	s := newSigner(t, "issuer")
	c, err := s.Verify(mint(t, s, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "system:serviceaccount:shop:web" || c.Kubernetes.Pod.UID != "u" || c.Audiences[0] != "vault" {
		t.Errorf("claims %+v", c)
	}
	if c.Kubernetes.ServiceAccount.UID != ServiceAccountUID("shop", "web") {
		t.Errorf("uid %s", c.Kubernetes.ServiceAccount.UID)
	}
}

func TestABadTokenIsRefused(t *testing.T) {
	s := newSigner(t, "issuer")
	good := mint(t, s, time.Hour)
	other := &Signer{Issuer: "other", key: s.key, keyID: s.keyID}
	for name, token := range map[string]string{
		"expired":           mint(t, s, -time.Minute),
		"of another issuer": mint(t, other, time.Hour),
		"of another key":    mint(t, newSigner(t, "issuer"), time.Hour),
		"changed":           good[:len(good)-8] + "AAAAAAAA",
		"no JWS":            "abc",
	} {
		if _, err := s.Verify(token); err == nil {
			t.Errorf("a token %s is accepted", name)
		}
	}
}

// The TypeScript side derives the same uid (test/lab/pod.ts).
func TestTheDerivedUIDIsStable(t *testing.T) {
	if got := ServiceAccountUID("shop", "web"); got != "97375646-b1de-b3d2-d5c4-06cd15750035" {
		t.Errorf("uid %s", got)
	}
}
