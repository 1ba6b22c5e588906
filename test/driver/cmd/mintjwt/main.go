// mintjwt makes a signing key pair, or prints one ServiceAccount token.
//
//	mintjwt --gen-key DIR                          writes DIR/sa.key and DIR/sa.pub
//	mintjwt --key DIR/sa.key --sa app --aud vault
package main

import (
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"strings"
	"time"

	"keymount/test/driver/internal/satoken"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("mintjwt: ")
	gen := flag.String("gen-key", "", "write sa.key and sa.pub into this folder and exit")
	key := flag.String("key", "", "RSA key to sign with (PKCS#8, PEM)")
	issuer := flag.String("issuer", satoken.DefaultIssuer, "iss claim")
	audiences := flag.String("aud", "vault", "audiences, comma separated")
	ttl := flag.Duration("ttl", time.Hour, "lifetime")
	var id satoken.Identity
	flag.StringVar(&id.Namespace, "namespace", "shop", "namespace")
	flag.StringVar(&id.ServiceAccount, "sa", "web", "ServiceAccount")
	flag.StringVar(&id.ServiceAccountUID, "sa-uid", "", "its uid (default: derived from its name)")
	flag.StringVar(&id.PodName, "pod", "", "pod that the token is bound to")
	flag.StringVar(&id.PodUID, "uid", "", "the pod's uid")
	flag.Parse()
	if *gen != "" {
		if err := satoken.GenerateKey(filepath.Join(*gen, "sa.key"), filepath.Join(*gen, "sa.pub")); err != nil {
			log.Fatal(err)
		}
		return
	}
	signer, err := satoken.LoadSigner(*key, *issuer)
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := signer.Mint(id, strings.Split(*audiences, ","), *ttl)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)
}
