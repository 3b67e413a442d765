package probe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listed checks that listed has exactly the names of the exported functions of the package in the current folder, and of
// the exported methods of its exported types, whose first result is of the generic type typeName. todo tells the reader of
// the test what to do about a missing name.
func Listed(t testing.TB, typeName string, listed []string, todo string) {
	t.Helper()
	missing := functionsReturning(t, typeName)
	for _, name := range listed {
		if i := slices.Index(missing, name); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		} else {
			t.Errorf("%s is listed, but no exported function of this name returns an %s: remove it", name, typeName)
		}
	}
	for _, name := range missing {
		t.Errorf("%s returns an %s and is not listed: %s", name, typeName, todo)
	}
}

func functionsReturning(t testing.TB, typeName string) (names []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !hasExportedReceiver(f) || f.Type.Results == nil || strings.HasSuffix(name, "_test.go") {
				continue
			}
			var result ast.Expr
			switch generic := f.Type.Results.List[0].Type.(type) {
			case *ast.IndexExpr:
				result = generic.X
			case *ast.IndexListExpr:
				result = generic.X
			}
			if selector, ok := result.(*ast.SelectorExpr); ok {
				result = selector.Sel
			}
			if ident, ok := result.(*ast.Ident); ok && ident.Name == typeName {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// hasExportedReceiver reports whether f is a function, or a method of an exported type.
func hasExportedReceiver(f *ast.FuncDecl) bool {
	return f.Recv == nil || ast.IsExported(strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*"))
}
