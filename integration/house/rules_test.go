package house

import (
	"bytes"
	"go/ast"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// eachCode calls visit for every file of the product and its commands that is no test.
func (tr *tree) eachCode(visit func(*file)) {
	for _, f := range tr.files {
		if !f.test() {
			visit(f)
		}
	}
}

// eachUse calls visit for every name taken from a package of the standard library: os.Exit is ("os", "Exit").
func (f *file) eachUse(visit func(pkg, name string, n ast.Node)) {
	local := map[string]string{}
	for _, i := range f.syntax.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		local[name] = path
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && local[x.Name] != "" {
				visit(local[x.Name], s.Sel.Name, n)
			}
		}
		return true
	})
}

// rulePrinting: a library that prints or exits takes a decision that is its caller's.
func rulePrinting(tr *tree, complain complaint) {
	forbidden := map[string]string{
		"fmt.Print": "", "fmt.Printf": "", "fmt.Println": "",
		"os.Stdout": "", "os.Stderr": "", "os.Exit": "",
		"log.Print": "", "log.Printf": "", "log.Println": "", "log.Fatal": "", "log.Fatalf": "", "log.Panicf": "",
	}
	tr.eachCode(func(f *file) {
		// fs/fstest is linked into test binaries only, and its processes speak to each other over standard output.
		for _, may := range []string{"cmd/", "integration/", "fs/fstest/"} {
			if strings.HasPrefix(f.path, may) {
				return
			}
		}
		f.eachUse(func(pkg, name string, n ast.Node) {
			if _, bad := forbidden[pkg+"."+name]; bad {
				complain("%v uses %s.%s: only cmd/shmfs prints and exits. Return an error, write to an io.Writer that was "+
					"passed in, or log through a *slog.Logger", tr.fset.Position(n.Pos()), pkg, name)
			}
		})
	})
}

// rulePolicyIsPure: the same configuration and the same question get the same answer, in a test as in the server.
func rulePolicyIsPure(tr *tree, complain complaint) {
	forbidden := map[string]string{
		"time.Now":   "take the time as an argument",
		"time.Since": "take the time as an argument",
		"time.After": "whoever calls waits",
		"time.Sleep": "whoever calls waits",
	}
	tr.eachCode(func(f *file) {
		if f.room() != "policy" {
			return
		}
		f.eachUse(func(pkg, name string, n ast.Node) {
			instead := forbidden[pkg+"."+name]
			if pkg == "os" && name != "ReadFile" {
				instead = "policy does no I/O beyond its file (os.ReadFile); whoever asks brings the facts"
			}
			if instead != "" {
				complain("%v uses %s.%s: %s", tr.fset.Position(n.Pos()), pkg, name, instead)
			}
		})
	})
}

func ruleFunctionLength(tr *tree, complain complaint) {
	const most = 80 // lines, from func to the closing brace
	tr.eachCode(func(f *file) {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			start, end := tr.fset.Position(fn.Pos()), tr.fset.Position(fn.End())
			if lines := end.Line - start.Line + 1; lines > most {
				complain("%v: %s has %d lines, at most %d are allowed: name its steps and make them functions",
					start, fn.Name.Name, lines, most)
			}
		}
	})
}

func ruleNoInit(tr *tree, complain complaint) {
	tr.eachCode(func(f *file) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				complain("%v: init runs for whoever imports the package, in an order that nobody chose; write an explicit "+
					"list, or a constructor that main calls", tr.fset.Position(fn.Pos()))
			}
		}
	})
}

func ruleFormatted(tr *tree, complain complaint) {
	for _, f := range tr.files {
		formatted, err := format.Source(f.source)
		if err != nil {
			complain("%s: %v", f.path, err)
		} else if !bytes.Equal(formatted, f.source) {
			complain("%s is not formatted: gofmt -w %s", f.path, f.path)
		}
	}
}

func rulePackageComment(tr *tree, complain complaint) {
	commented := map[string]bool{}
	tr.eachCode(func(f *file) {
		commented[f.room()] = commented[f.room()] || f.syntax.Doc != nil
	})
	for room, ok := range commented {
		if !ok {
			complain("%s: no file says in one sentence what the package is: write `// Package %s …` in doc.go",
				room, filepath.Base(room))
		}
	}
}

// unfinished are words by which an author says that it is not done.
var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func ruleFinished(tr *tree, complain complaint) {
	for _, f := range tr.files {
		for _, group := range f.syntax.Comments {
			for _, c := range group.List {
				if word := unfinished.FindString(c.Text); word != "" {
					complain("%v says %s: do it, or say in the comment what is not covered and what happens then",
						tr.fset.Position(c.Pos()), word)
				}
			}
		}
	}
}

func ruleLicence(tr *tree, complain complaint) {
	text, err := os.ReadFile(filepath.Join(tr.root, "LICENSE"))
	if err != nil || !bytes.Contains(text, []byte("Apache License")) || !bytes.Contains(text, []byte("Version 2.0")) {
		complain("LICENSE is not the Apache License, Version 2.0 (%v): without it nobody may use this", err)
	}
}
