package house

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badHouse breaks every rule: its files by path, and what the complaint about each rule must name.
var badHouse = map[string]string{
	"go.mod": "module " + module + "\n\ngo 1.26\n",
	"regions/bad.go": `package regions

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	_ "github.com/shmfs/shmfs/control"
)

var table = map[string]int{}
var count int
var mu sync.Mutex

func init() { table["a"] = int(syscall.EPERM); count++ }

func speak() { fmt.Println("out"); os.Exit(1) } // TODO: be quiet
`,
	"regions/bad_test.go":    "package regions\n\nimport _ \"github.com/stretchr/testify/assert\"\n",
	"regions/unformatted.go": "package regions\nvar   x = 1\n",
	"policy/bad.go":          "// Package policy decides.\npackage policy\n\nimport (\n\t\"os\"\n\t\"time\"\n)\n\nvar _, _ = time.Now, os.Remove\n",
	"control/long.go":        "// Package control is long.\npackage control\n\nfunc long() {\n" + strings.Repeat("\tprintln()\n", 80) + "}\n",
	"cellar/new.go":          "// Package cellar is in no table.\npackage cellar\n",
}

var wantComplaints = map[string][]string{
	"imports":         {"regions imports " + module + "/control", "cellar: no rule"},
	"test imports":    {"testify"},
	"portable":        {"regions/bad.go imports syscall"},
	"printing":        {"fmt.Println", "os.Exit"},
	"policy is pure":  {"time.Now", "os.Remove"},
	"function length": {"long has 82 lines"},
	"no init":         {"init runs"},
	"no global state": {"variable table", "variable count", "variable mu"},
	"formatted":       {"regions/unformatted.go"},
	"package comment": {"regions: no file says"},
	"finished":        {"says TODO"},
	"licence":         {"LICENSE"},
}

// TestRulesCanFail: a rule that finds nothing in this house finds nothing anywhere.
func TestRulesCanFail(t *testing.T) {
	root := t.TempDir()
	for path, text := range badHouse {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr := loadTree(t, root)
	for name, rule := range rules() {
		var complaints []string
		rule(tr, func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) })
		for _, want := range wantComplaints[name] {
			if all := strings.Join(complaints, "\n"); !strings.Contains(all, want) {
				t.Errorf("rule %q does not complain about %q, but:\n%s", name, want, all)
			}
		}
		if len(wantComplaints[name]) == 0 {
			t.Errorf("rule %q has no example of what it forbids", name)
		}
	}
}
