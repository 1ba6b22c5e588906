package satoken

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Identity is who a token is for, and the pod it is bound to.
type Identity struct {
	Namespace, ServiceAccount, ServiceAccountUID string
	PodName, PodUID                              string // empty: not bound to a pod
}

type ref struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

type kubernetesClaims struct {
	Namespace      string `json:"namespace"`
	Pod            *ref   `json:"pod,omitempty"`
	ServiceAccount ref    `json:"serviceaccount"`
}

// Claims are the payload of a token.
type Claims struct {
	Audiences  []string         `json:"aud"`
	Expires    int64            `json:"exp"`
	IssuedAt   int64            `json:"iat"`
	Issuer     string           `json:"iss"`
	ID         string           `json:"jti"`
	Kubernetes kubernetesClaims `json:"kubernetes.io"`
	NotBefore  int64            `json:"nbf"`
	Subject    string           `json:"sub"`
}

// ServiceAccountUID is the uid of a ServiceAccount that was given none: derived
// from its name, in the form of a UUID.
func ServiceAccountUID(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	h := hex.EncodeToString(sum[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32]}, "-")
}

// Mint returns a signed token and when it ends.
func (s *Signer) Mint(id Identity, audiences []string, ttl time.Duration) (string, time.Time, error) {
	if id.ServiceAccountUID == "" {
		id.ServiceAccountUID = ServiceAccountUID(id.Namespace, id.ServiceAccount)
	}
	now := time.Now().Truncate(time.Second)
	end := now.Add(ttl)
	claims := Claims{
		Audiences: audiences, Expires: end.Unix(), IssuedAt: now.Unix(), Issuer: s.Issuer, ID: rand.Text(), NotBefore: now.Unix(),
		Kubernetes: kubernetesClaims{Namespace: id.Namespace, ServiceAccount: ref{id.ServiceAccount, id.ServiceAccountUID}},
		Subject:    "system:serviceaccount:" + id.Namespace + ":" + id.ServiceAccount,
	}
	if id.PodName != "" {
		claims.Kubernetes.Pod = &ref{id.PodName, id.PodUID}
	}
	head, err := json.Marshal(map[string]string{"alg": "RS256", "kid": s.keyID})
	if err != nil {
		return "", end, err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", end, err
	}
	signed := b64.EncodeToString(head) + "." + b64.EncodeToString(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", end, err
	}
	return signed + "." + b64.EncodeToString(signature), end, nil
}

// Verify checks signature, issuer and times, and returns the claims. Whether
// the audience is a right one is the caller's question.
func (s *Signer) Verify(token string) (*Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWS")
	}
	signature, err := b64.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	// the key decides the algorithm, whatever the token's header claims
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return nil, errors.New("invalid signature")
	}
	payload, err := b64.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims Claims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	switch {
	case claims.Issuer != s.Issuer:
		return nil, errors.New("wrong issuer")
	case now >= claims.Expires:
		return nil, errors.New("expired")
	case now < claims.NotBefore:
		return nil, errors.New("not valid yet")
	}
	return &claims, nil
}
