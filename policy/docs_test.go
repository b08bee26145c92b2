package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentation compares docs/configuration.md with the table of keys.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	initial := Default()
	documented := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\| `(\\S+)` \\| (yes|no) \\|$")
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		key, value, live := m[1], m[2], m[3] == "yes"
		documented[key] = true
		k, ok := FindKey(key)
		if !ok {
			t.Errorf("%s is documented, and there is no such key", key)
			continue
		}
		if want := initial.Get(key); value != want {
			t.Errorf("%s: the default is documented as %s, and is %s", key, value, want)
		}
		if live != k.Live {
			t.Errorf("%s: documented as live %v, and is %v", key, live, k.Live)
		}
	}
	for _, k := range Keys() {
		if !documented[k.Name] {
			t.Errorf("%s is not documented: add it to the table in docs/configuration.md", k.Name)
		}
	}
	examples := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(examples) == 0 {
		t.Error("no example")
	}
	for _, m := range examples {
		if _, err := Parse("the example", []byte(m[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestDocumentedValues makes sure that every value that a key's help names stands in the documentation.
func TestDocumentedValues(t *testing.T) {
	b, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		for value := range strings.SplitSeq(k.Values, ", ") {
			if strings.Trim(value, "abcdefghijklmnopqrstuvwxyz_") == "" && !strings.Contains(string(b), "`"+value+"`") {
				t.Errorf("%s: the value %s is not documented", k.Name, value)
			}
		}
	}
}
