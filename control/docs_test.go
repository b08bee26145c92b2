package control

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../docs/control-files.md")
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{} // of each section, by its head
	for _, section := range strings.Split(string(b), "\n## ") {
		head, body, _ := strings.Cut(section, "\n")
		text[head] = body
	}
	t.Run("keys", func(t *testing.T) { documentedKeys(t, text) })
	t.Run("names", func(t *testing.T) { documentedNames(t, text) })
}

// documentedKeys compares each section's table with what the file has.
func documentedKeys(t *testing.T, text map[string]string) {
	x := node(2, "x", 1)
	x.Record.Cgroup = "/job"
	s := newStage(t, x)
	s.front.Losses = []regions.Loss{{What: "w", Why: "y"}}
	s.tree.Refusals().Add(refusal)
	heads, _, _ := strings.Cut(s.read(t, "regions"), "\n")
	keys := map[string][]string{"regions": strings.Fields(heads)}
	for _, name := range []string{"version", "stats", "health"} {
		for key := range s.flat(t, name).All() {
			keys[name] = append(keys[name], patternOf(key))
		}
	}
	for pair := range strings.SplitSeq(s.read(t, "errors"), " ") {
		if key, _, ok := strings.Cut(pair, "="); ok {
			keys["errors"] = append(keys["errors"], key)
		}
	}
	for _, name := range []string{"limits", "usage/cgroup"} {
		section, _, _ := strings.Cut(name, "/")
		for pair := range strings.FieldsSeq(s.path(t, name)) {
			key, _, _ := strings.Cut(pair, "=")
			keys[section] = append(keys[section], key)
		}
	}
	for field := range reflect.TypeFor[Region]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		keys["regions.json"] = append(keys["regions.json"], key)
	}
	for field := range reflect.TypeFor[Event]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		keys["events"] = append(keys["events"], key)
	}
	var care pairs
	writeCare(&care, &regions.Care{})
	all, err := parsePairs(strings.TrimSpace(string(care.b)))
	if err != nil {
		t.Fatal(err)
	}
	for key := range all {
		keys["gc"] = append(keys["gc"], key)
	}
	keys["events"] = append(keys["events"], EventKinds()...)
	for name, fields := range map[string]reflect.Type{"sessions": reflect.TypeFor[Session](), "shares": reflect.TypeFor[Share](),
		"history": reflect.TypeFor[Past]()} {
		for field := range fields.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			keys[name] = append(keys[name], key)
		}
	}
	s.arena.usageErr = errors.New("gone")
	for key := range s.flat(t, "health").All() {
		keys["health"] = append(keys["health"], key)
	}

	first := regexp.MustCompile("(?m)^\\| `([^|]+)` \\|")
	for name, want := range keys {
		var got []string
		for _, m := range first.FindAllStringSubmatch(text[name], -1) {
			got = append(got, strings.Split(m[1], "`, `")...)
		}
		slices.Sort(got)
		got = slices.Compact(got)
		slices.Sort(want)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			t.Errorf("%s: docs/control-files.md has the keys\n%q\nand the file\n%q", name, got, want)
		}
	}
}

// patternOf writes a key as the documentation does, where a part of it is the name of something.
func patternOf(key string) string {
	for op := range fs.NumOps {
		if rest, ok := strings.CutPrefix(key, "operations_"+op.String()+"_"); ok {
			return "operations_<operation>_" + rest
		}
	}
	key = regexp.MustCompile(`^errors_E[A-Z0-9]+_`).ReplaceAllString(key, "errors_<errno>_")
	return regexp.MustCompile(`^loss_\d+$`).ReplaceAllString(key, "loss_<n>")
}

func documentedNames(t *testing.T, text map[string]string) {
	for op := range fs.NumOps {
		if !strings.Contains(text["stats"], "`"+op.String()+"`") {
			t.Errorf("the operation %s is not documented", op)
		}
	}
	for _, name := range errnoNames[1:] {
		if !strings.Contains(text["stats"], "`"+name+"`") {
			t.Errorf("the errno %s is not documented", name)
		}
	}
	for _, name := range newStage(t).files.Names() {
		if _, ok := text[name]; !ok {
			t.Errorf("the file %s is not documented", name)
		}
	}
}
