// Writes what Go's encoding/json, encoding/base64 and encoding/hex make of the inputs below, for the tests beside this folder:
//
//	go run main.go > golden.json
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
)

// JSON as a backend may send it. Numbers are decoded with UseNumber, as the Go providers do.
var documents = []string{
	`null`, `true`, `false`, `""`, `0`, `-0`, `1.0`, `1e5`, `1E+05`, `-1.50e-7`, `12345678901234567890`, `0.1000`, `1e999`,
	`[]`, `{}`, `[1,"a",null,[true]]`, ` { "b" : 1 ,
 "a" : [ 2 , 3 ] } `,
	`"<script>a && b</script>"`, `"'\"\\/"`, `"\/"`,
	`"\b\f\n\r\t\u0000\u0001\u001f\u007f\u0080\u00a0"`, `"line\u2028para\u2029end"`,
	`"é ü ß 中 😀 \ud83d\ude00"`, `"\ufffd \ufeff"`,
	`"\ud800"`, `"\udc00\ud800"`, `"a\ud83dz"`, `"\ud83d\ud83d\ude00"`,
	`{"b":1,"a":2,"B":3,"A":4,"":5,"10":6,"9":7,"1":8," ":9}`,
	`{"\uffff":1,"\ud83d\ude00":2,"z":3,"\ue000":4,"é":5,"~":6,"\ud7ff":7,"\ufffd":8}`,
	`{"a\ud83d\ude00":1,"a\uffff":2,"a":3,"a\u0000":4,"aa":5}`,
	`{"<":1,">":2,"&":3,"\"":4,"\\":5,"\u2028":6,"\n":7}`,
	`{"__proto__":{"x":1},"constructor":null,"toString":"y","hasOwnProperty":[]}`,
	`{"nested":{"z":{"b":[{"d":1,"c":2}]},"y":1.10}}`,
	`{"cert":"-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n"}`,
}

type encoding struct {
	Alphabet string            `json:"alphabet"`
	Longest  int               `json:"longest"`
	Accepted map[string]string `json:"accepted"` // text → bytes in hex; every other text over the alphabet is refused
}

type document struct {
	In  string `json:"in"`
	Out string `json:"out"`
}

func main() {
	golden := struct {
		JSON      []document          `json:"json"`
		Encodings map[string]encoding `json:"encodings"`
	}{Encodings: map[string]encoding{
		"base64": accept("AB=\n", 6, base64.StdEncoding.DecodeString),
		"base64url": accept("A_=", 6, func(text string) ([]byte, error) {
			if out, err := base64.URLEncoding.DecodeString(text); err == nil {
				return out, nil
			}
			return base64.RawURLEncoding.DecodeString(text)
		}),
		"hex": accept("0fG\n", 4, hex.DecodeString),
	}}
	for _, in := range documents {
		decoder := json.NewDecoder(strings.NewReader(in))
		decoder.UseNumber()
		var value any
		check(decoder.Decode(&value))
		out, err := json.Marshal(value)
		check(err)
		golden.JSON = append(golden.JSON, document{in, string(out)})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	check(encoder.Encode(golden))
	_, err := os.Stdout.Write(text.Bytes())
	check(err)
}

func accept(alphabet string, longest int, decode func(string) ([]byte, error)) encoding {
	accepted := map[string]string{}
	texts := []string{""}
	for length := 0; length <= longest; length++ {
		var longer []string
		for _, text := range texts {
			if out, err := decode(text); err == nil {
				accepted[text] = hex.EncodeToString(out)
			}
			for _, c := range alphabet {
				longer = append(longer, text+string(c))
			}
		}
		texts = longer
	}
	return encoding{alphabet, longest, accepted}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
