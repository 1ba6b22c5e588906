// Package satoken mints and checks JWTs like the bound ServiceAccount tokens of
// a Kubernetes API server (RS256, kubernetes.io private claims), so that a
// backend's jwt or kubernetes auth method works without a cluster.
package satoken

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
)

// DefaultIssuer is the issuer of a kubeadm cluster.
const DefaultIssuer = "https://kubernetes.default.svc.cluster.local"

// Signer signs tokens with one RSA key.
type Signer struct {
	Issuer string
	key    *rsa.PrivateKey
	keyID  string
}

var b64 = base64.RawURLEncoding

// LoadSigner reads an RSA key (PKCS#8, PEM).
func LoadSigner(path, issuer string) (*Signer, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an RSA key", path)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	// Kubernetes names a key by the SHA-256 of its SubjectPublicKeyInfo
	sum := sha256.Sum256(der)
	return &Signer{Issuer: issuer, key: key, keyID: b64.EncodeToString(sum[:])}, nil
}

// GenerateKey writes a new private key (PKCS#8, PEM) and its public half (PKIX, PEM).
func GenerateKey(privatePath, publicPath string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := os.WriteFile(privatePath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(publicPath, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644)
}

// JWKS is the public key as an API server serves it at /openid/v1/jwks.
func (s *Signer) JWKS() map[string]any {
	public := s.key.PublicKey
	return map[string]any{"keys": []map[string]string{{
		"use": "sig", "kty": "RSA", "alg": "RS256", "kid": s.keyID,
		"n": b64.EncodeToString(public.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}}
}
