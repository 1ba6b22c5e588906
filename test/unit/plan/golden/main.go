// Writes what Go makes of the texts of a Vault class, for the tests beside this folder: scalars as yaml.v3 types them and
// encoding/json writes them, file permissions, the bytes that go into the HMAC of a version, and request paths as net/url writes
// them.
//
//	go run . > golden.json
package main

import (
	"encoding/json"
	"net/url"
	"os"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// secret is what the Go Vault provider (1.7) mixes into the HMAC of a version, as JSON before the content.
type secret struct {
	ObjectName     string
	SecretPath     string
	SecretKey      string
	Method         string
	SecretArgs     map[string]any
	FilePermission os.FileMode
	Encoding       string
}

type yamlSecret struct {
	ObjectName     string         `yaml:"objectName"`
	SecretPath     string         `yaml:"secretPath"`
	SecretKey      string         `yaml:"secretKey"`
	Method         string         `yaml:"method"`
	SecretArgs     map[string]any `yaml:"secretArgs"`
	FilePermission os.FileMode    `yaml:"filePermission"`
	Encoding       string         `yaml:"encoding"`
}

var scalars = strings.Split(
	"|~|null|Null|NULL|nULL|true|True|TRUE|tRUE|false|False|FALSE|yes|no|on|off|y|n|Yes"+
		"|0|1|-1|+5|-0|00|0644|0o644|0O644|-0o17|-017|0x1A4|0X1f|-0x10|+0x10|0b11|0B1|0b2|0o9|0x|09|089|012345678"+
		"|1_000|_1|-_1|0_|1_|1__0|0x_1|1_0.5|_|-_"+
		"|9007199254740993|123456789012345678|9223372036854775808|18446744073709551615|18446744073709551616"+
		"|-9223372036854775808|-9223372036854775809|99999999999999999999|0777777777777777777777777|0xffffffffffffffffff"+
		"|0.0|-0.0|1.0|1.10|.5|5.|+.5|-.5|00.5|0.1|1.0.0|1,000|+|.|..|1e3|1E3|1e-7|1.5e-7|0.000001|1e20|1e21|1e400|-1e400"+
		"|5e-324|1.7976931348623157e308|1e|e1|1e+|123456789.125|100000000000000000000.0|3.14159265358979323846"+
		"|2026-01-02|2026-1-2|2026-13-01|2026-02-30|2024-02-29|0001-01-01|2026-01-02T03:04:05Z|2026-01-02t03:04:05Z"+
		"|2026-01-02 03:04:05|2026-1-2 3:4:5|2026-01-02T03:04:05+02:00|2026-01-02T03:04:05-07:30|2026-01-02T03:04:05+00:00"+
		"|2026-01-02T03:04:05.120Z|2026-01-02T03:04:05.123456789Z|2026-01-02T03:04:05,5Z|2026-01-02 03:04:05.5|2026-01-02T03:04:05"+
		"|2026-01-02T24:00:00Z|2026-01-02T03:04:60Z|2026-01-02T03:04Z|2026-01-02T03:04:05+2:00|2026-01-02T03:04:05+25:00|2026-01-02 03:04:05Z"+
		"|20260102|12:30|12:30:45|24h|1.2.3.4|10.0.0.0/8|web.shop.svc|*.shop.svc|a b"+
		"|'0644'|\"0644\"|'null'|\"true\"|''|!!str 5|<x>&", "|")

var permissions = []string{
	"0644", "0o644", "0O644", "420", "0x1ff", "0b111", "0", "00", "0777", "511", "1_0", "0600", "'0644'", `"420"`, "644", "512",
	"01000", "0o1000", "-1", "99999999999", "rw", "~", "",
}

var objects = []string{
	"{objectName: db, secretPath: secret/data/db, secretKey: password}",
	"{objectName: a/b.txt, secretPath: '/v1/secret/data/a?version=3', method: get, encoding: Base64, filePermission: 0600}",
	"{objectName: '<a>&b', secretPath: \"s/\\u2028\\\"\", secretKey: \"é😀\\\\\\t\", method: PUT, secretArgs: {z: 1, a: [x, 1.10, ~, {k: yes}]}}",
	"{objectName: 0644, secretPath: 1.10, secretKey: 2026-01-02, encoding: utf-8}",
	"{objectName: c, secretPath: pki/issue/r, method: PUT, secretArgs: {common_name: a.b, ttl: 24h, n: 0644, exclude: true, id: 12345678901234567890}}",
	"{objectName: d, secretPath: p, method: POST, secretArgs: {}}",
	"{objectName: e, secretPath: p, secretArgs: ~, filePermission: ~, secretKey: ~}",
	"{objectName: f, secretPath: p, method: PUT, secretArgs: {\U0001F600: 1, \uFFFD: 2, __proto__: 3, constructor: 4, '10': 5, '9': 6}}",
	"{objectName: g, secretPath: p, method: PUT, secretArgs: {not_after: 2026-01-02, big: 99999999999999999999, zero: -0.0}}",
}

// Without `..`, which keymount refuses. The query is left to net/url on both sides.
var paths = []string{
	"secret/foo", "/secret/foo", "v1/secret/foo", "/v1/secret/foo", "1/secret/foo", "/1/secret/foo", "/v2/secret/foo", "v2/secret/foo",
	"/v1/v1/secret", "v1/v1/secret", "//secret/foo", "//v1/secret", "./v1/secret", "secret//foo", "secret/./foo", "secret/foo/",
	"secret/foo//", "v1", "v1foo/bar", "V1/secret/foo", "secret/v1/foo", "secret/data/a b", "secret/%2F%20", "secret/100%", "secret/é/中😀",
	"secret/a#b", "secret/a;b,c:d@e=f&g+h$i", "secret/!*'()", "secret/~-._", "secret/[x]{y}|\\^`\"<>", "secret/...", "secret/a..b",
}

var queries = []string{
	"version=2", "version=1&a=b", "b=2&a=1&b=1", "flag", "a=", "=a", "", "&&", "a=x+y%20z", "a=%2F%3F%26", "a=é", "list=true&version=10", "A=1&a=2&B=3",
}

type pair struct {
	In string `json:"in"`
	// What Go makes of it; null where it refuses.
	Out *string `json:"out"`
}

func main() {
	golden := map[string][]pair{}
	for _, in := range scalars {
		var value map[string]any
		golden["scalars"] = append(golden["scalars"], result(in, yaml.Unmarshal([]byte("v: "+in), &value), func() any { return value["v"] }))
	}
	for _, in := range permissions {
		var value yamlSecret
		err := yaml.Unmarshal([]byte("filePermission: "+in), &value)
		golden["permissions"] = append(golden["permissions"], result(in, err, func() any { return value.FilePermission }))
	}
	for _, in := range objects {
		var value yamlSecret
		err := yaml.Unmarshal([]byte(in), &value)
		golden["objects"] = append(golden["objects"], result(in, err, func() any { return secret(value) }))
	}
	for _, in := range paths {
		address := (&url.URL{Path: path.Join("", withVersion(in))}).EscapedPath()
		golden["paths"] = append(golden["paths"], pair{in, &address})
	}
	for _, in := range queries {
		values, err := url.ParseQuery(in)
		query := values.Encode()
		golden["queries"] = append(golden["queries"], pair{in, &query})
		check(err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	check(encoder.Encode(golden))
}

// withVersion is the Go provider's rule: one leading slash and one version prefix are optional.
func withVersion(text string) string {
	switch {
	case strings.HasPrefix(text, "/v1/"):
		return text
	case strings.HasPrefix(text, "v1/"), strings.HasPrefix(text, "/"):
		return "/v1/" + strings.TrimPrefix(strings.TrimPrefix(text, "v1/"), "/")
	default:
		return "/v1/" + text
	}
}

func result(in string, err error, value func() any) pair {
	if err != nil {
		return pair{in, nil}
	}
	text, err := json.Marshal(value())
	if err != nil {
		return pair{in, nil}
	}
	out := string(text)
	return pair{in, &out}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
