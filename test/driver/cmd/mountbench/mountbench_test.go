package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func writeSpec(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEveryObjectIsRenderedForItsPod(t *testing.T) {
	s, err := loadSpec(writeSpec(t, "parameters: {roleName: r}\nobject: |\n  - objectName: \"o{{.Object}}\"\n    secretPath: \"p{{.Index}}\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.view(7, "run")
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := s.attributes(view, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := "- objectName: \"o0\"\n  secretPath: \"p7\"\n- objectName: \"o1\"\n  secretPath: \"p7\"\n"
	if attributes["objects"] != want {
		t.Errorf("objects %q, want %q", attributes["objects"], want)
	}
	if attributes["roleName"] != "r" || attributes["csi.storage.k8s.io/serviceAccount.name"] != "app-7" {
		t.Errorf("attributes %v", attributes)
	}
}

func TestAnUnknownSpecFieldIsRefused(t *testing.T) {
	if _, err := loadSpec(writeSpec(t, "objectz: x\n")); err == nil || !strings.Contains(err.Error(), "objectz") {
		t.Errorf("error %v", err)
	}
}

func TestPercentilesAreNearestRanks(t *testing.T) {
	for _, c := range []struct {
		n    int
		p    float64
		want time.Duration
	}{{110, 50, 55}, {110, 90, 99}, {110, 99, 109}, {110, 100, 110}, {100, 99, 99}, {100, 50, 50}, {1, 99, 1}, {0, 50, 0}} {
		values := make([]time.Duration, c.n)
		for i := range values {
			values[i] = time.Duration(i + 1)
		}
		if got := percentile(values, c.p); got != c.want {
			t.Errorf("p%v of %d values is %v, want %v", c.p, c.n, got, c.want)
		}
	}
}

func TestChangesAreCountedInBothDirections(t *testing.T) {
	if n := changed(nil, map[string]string{"a": "1"}); n != 0 {
		t.Errorf("the first Mount changed %d", n)
	}
	if n := changed(map[string]string{"a": "1", "b": "1", "gone": "1"}, map[string]string{"a": "1", "b": "2", "new": "1"}); n != 3 {
		t.Errorf("changed %d, want 3", n)
	}
}

func TestOnlyWhatAnAppSeesIsHashed(t *testing.T) {
	volume := t.TempDir()
	for _, dir := range []string{"..old", "..new/db"} {
		if err := os.MkdirAll(filepath.Join(volume, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"..old/a": "old", "..new/a": "new", "..new/db/b": "b"} {
		if err := os.WriteFile(filepath.Join(volume, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..new", filepath.Join(volume, "..data")); err != nil {
		t.Fatal(err)
	}
	sums, err := hashFiles(volume)
	if err != nil || len(sums) != 2 || sums["a"] == "" || sums["db/b"] == "" {
		t.Errorf("sums %v, error %v", sums, err)
	}
}

func TestAMalformedPhaseIsRefused(t *testing.T) {
	for _, text := range []string{"", "storm", "storm:1", ":1:0", "storm:0:0", "storm:1:-1", "storm:x:0"} {
		var l phaseList
		if err := l.Set(text); err == nil {
			t.Errorf("%q is accepted as %v", text, l)
		}
	}
}
