package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/shmfs/shmfs"

// systems are those that the rules hold on. A file that is built on one only is seen there.
var systems = []string{"linux", "windows", "darwin"}

// tree is the module as the go command sees it, a listing per system, and every Go file parsed.
type tree struct {
	root  string
	sets  map[string][]pkg // by GOOS
	fset  *token.FileSet
	files map[string]*file // by path below root
}

// pkg is what `go list -json` tells of a package; see `go help list`.
type pkg struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	TestImports     []string
	XTestImports    []string
}

// room is the import path without the module: "fs/gofuse".
func (p pkg) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

type file struct {
	path    string // below root, with slashes
	source  []byte
	syntax  *ast.File
	systems []string // it is built on; none for a test file
}

func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f *file) room() string { return filepath.ToSlash(filepath.Dir(f.path)) }

func loadTree(t *testing.T, root string) *tree {
	t.Helper()
	tr := &tree{root: root, sets: map[string][]pkg{}, fset: token.NewFileSet(), files: map[string]*file{}}
	tr.parse(t)
	for _, goos := range systems {
		tr.sets[goos] = tr.list(t, goos)
		for _, p := range tr.sets[goos] {
			for _, name := range p.GoFiles {
				f := tr.files[p.room()+"/"+name]
				f.systems = append(f.systems, goos)
			}
		}
	}
	return tr
}

func (tr *tree) list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = tr.root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v\n%s", goos, err, &stderr)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("what go list printed for %s: %v", goos, err)
		}
		pkgs = append(pkgs, p)
	}
}

func (tr *tree) parse(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(tr.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tr.root, path)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(tr.fset, rel, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		tr.files[rel] = &file{path: rel, source: source, syntax: syntax}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// complaint is told of each place where a rule does not hold: what is wrong, why it matters, what to write instead.
type complaint func(format string, args ...any)

// rules are all there are, by the name of the subtest.
func rules() map[string]func(*tree, complaint) {
	return map[string]func(*tree, complaint){
		"imports":         ruleImports,
		"test imports":    ruleTestImports,
		"portable":        rulePortable,
		"printing":        rulePrinting,
		"policy is pure":  rulePolicyIsPure,
		"function length": ruleFunctionLength,
		"no init":         ruleNoInit,
		"no global state": ruleNoGlobalState,
		"formatted":       ruleFormatted,
		"package comment": rulePackageComment,
		"finished":        ruleFinished,
		"licence":         ruleLicence,
	}
}

// TestHouse loads the tree once and holds every rule to it.
func TestHouse(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tr := loadTree(t, root)
	for name, rule := range rules() {
		t.Run(name, func(t *testing.T) { rule(tr, t.Errorf) })
	}
}
