package probe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FunctionsReturning returns the names of the exported functions of the package in the
// current folder, and of the exported methods of its exported types. It returns those whose
// first result is of the generic type typeName.
func FunctionsReturning(t testing.TB, typeName string) (names []string) {
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
