// Writes what sigs.k8s.io/yaml, which the AWS provider reads its objects with, makes of plain scalars in a text field, for the
// tests beside this folder. `out` is null where it refuses.
//
//	go run . > golden.json
package main

import (
	"encoding/json"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

type object struct {
	ObjectName *string `json:"objectName"`
}

var scalars = strings.Split(
	"true|True|TRUE|tRUE|false|False|FALSE|yes|Yes|YES|yEs|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N|yes please"+
		"|0|1|-1|+5|-0|00|0644|0o644|0O644|-0o17|-017|0x1A4|0X1f|-0x10|+0x10|0b11|0B1|-0b11|0b2|0o9|0x|09|089|012345678"+
		"|1_000|_1|-_1|0_|1_|1__0|0x_1|1_0.5|_"+
		"|123456789012|9007199254740993|9223372036854775808|18446744073709551615|18446744073709551616"+
		"|-9223372036854775808|-9223372036854775809|99999999999999999999|+9223372036854775808|12345678901234567890123"+
		"|0.0|-0.0|1.0|1.10|.5|5.|+.5|-.5|00.5|0.1|1.0.0|1,000|+|.|1e3|1E3|1e-7|1.5e-7|0.0001|0.00001|100000.0|1000000.0|1234567.5"+
		"|1e20|1e21|1e22|1e400|5e-324|1e|e1|1e+|123456789.125|3.14159265358979323846"+
		"|2026-01-02|2026-1-2|2026-13-01|2026-01-02T03:04:05Z|2026-01-02 03:04:05|2026-01-02T03:04:05.120Z|2026-01-02T03:04Z"+
		"|20260102|12:30|12:30:45|24h|1.2.3.4|10.0.0.0/8|prod/db|/prod/db|a b|.inf|-.inf|.nan|.INF"+
		"|AWSCURRENT|3|v3|1-2|0644-a|'0644'|\"n\"|'yes'", "|")

func main() {
	type pair struct {
		In  string  `json:"in"`
		Out *string `json:"out"`
	}
	var pairs []pair
	for _, text := range scalars {
		var objects []object
		p := pair{In: text}
		if err := yaml.Unmarshal([]byte("- objectName: "+text+"\n"), &objects); err == nil && len(objects) == 1 {
			p.Out = objects[0].ObjectName
		}
		pairs = append(pairs, p)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(pairs); err != nil {
		panic(err)
	}
}
