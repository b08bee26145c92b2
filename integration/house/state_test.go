package house

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// ruleNoGlobalState: a package-level variable that changes makes two mounts in one process share what neither knows
// of, and tests depend on their order. Tables that nobody writes to are fine.
func ruleNoGlobalState(tr *tree, complain complaint) {
	for _, goos := range systems {
		for _, p := range tr.sets[goos] {
			for _, w := range tr.globalWrites(p) {
				complain("%v changes the package-level variable %s: hold it in a struct that a constructor makes, and pass that",
					tr.fset.Position(w.Pos()), w.Name)
			}
		}
	}
}

// globalWrites answers each name of a package-level variable where it is written to, or where it is declared if its
// type is one that exists only to be written to.
func (tr *tree) globalWrites(p pkg) []*ast.Ident {
	var syntax []*ast.File
	for _, name := range p.GoFiles {
		syntax = append(syntax, tr.files[p.room()+"/"+name].syntax)
	}
	uses := tr.resolve(p, syntax)
	var found []*ast.Ident
	check := func(targets ...ast.Expr) {
		for _, target := range targets {
			if id := base(target); id != nil && packageLevel(uses[id]) {
				found = append(found, id)
			}
		}
	}
	for _, f := range syntax {
		found = append(found, locks(f)...)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					check(n.Lhs...)
				}
			case *ast.IncDecStmt:
				check(n.X)
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"delete", "clear", "copy"}, fn.Name) {
					check(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// resolve tells what each name stands for. Imports are not followed: the variables of interest are the package's own,
// and go/types resolves those whatever it thinks of the rest.
func (tr *tree) resolve(p pkg, syntax []*ast.File) map[*ast.Ident]types.Object {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	_, _ = config.Check(p.ImportPath, tr.fset, syntax, info)
	return info.Uses
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not followed")
}

// base answers the variable that an assignment to x reaches into: v of v, v[i], v.f[i].
func base(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.SliceExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return nil
		}
	}
}

func packageLevel(o types.Object) bool {
	v, ok := o.(*types.Var)
	return ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope()
}

// locks answers the package-level variables of types from sync and sync/atomic.
func locks(f *ast.File) []*ast.Ident {
	var found []*ast.Ident
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if sel, ok := v.Type.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
					found = append(found, v.Names...)
				}
			}
		}
	}
	return found
}
