package comet_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// chunksOf runs messages through adapter and returns its chunks.
func chunksOf[E any](tb testing.TB, adapter enumeratee.Enumeratee[E, []byte], messages ...E) [][]byte {
	tb.Helper()
	chunks, err := enumerator.Run(tb.Context(), enumerator.Through(enumerator.Of(messages...), adapter), iteratee.Collect[[]byte]())
	require.NoError(tb, err)
	return chunks
}

// browse treats the chunks of a run as a browser does: it parses them as one page and runs
// the scripts. It returns the arguments of the callback. The page must contain one script
// element per message, with the nonce unless nonce is empty, and nothing else. Each script must
// be one call of callback.
func browse(tb testing.TB, callback, nonce string, chunks [][]byte) (*goja.Runtime, []goja.Value) {
	tb.Helper()
	for _, chunk := range chunks {
		require.True(tb, utf8.Valid(chunk), "not UTF-8: %q", chunk)
	}
	document, err := html.Parse(bytes.NewReader(bytes.Join(chunks, nil)))
	require.NoError(tb, err)
	var attributes []html.Attribute
	if nonce != "" {
		attributes = []html.Attribute{{Key: "nonce", Val: nonce}}
	}
	var scripts []string
	for n := range document.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "script":
			require.Equal(tb, attributes, n.Attr)
			require.NotNil(tb, n.FirstChild)
			require.Nil(tb, n.FirstChild.NextSibling)
			scripts = append(scripts, n.FirstChild.Data)
		case n.Type == html.ElementNode:
			require.Contains(tb, []string{"html", "head", "body"}, n.Data)
			require.Empty(tb, n.Attr)
		default:
			require.Equal(tb, html.TextNode, n.Type, "%q", n.Data)
			require.Equal(tb, "script", n.Parent.Data, "text outside of scripts: %q", n.Data)
		}
	}
	require.Len(tb, scripts, len(chunks)-1)

	vm := goja.New()
	var got []goja.Value
	names := strings.Split(callback, ".")
	owner := vm.GlobalObject()
	for _, name := range names[:len(names)-1] {
		next := vm.NewObject()
		require.NoError(tb, owner.Set(name, next))
		owner = next
	}
	require.NoError(tb, owner.Set(names[len(names)-1], func(call goja.FunctionCall) goja.Value {
		got = append(got, call.Argument(0))
		return nil
	}))
	for i, script := range scripts {
		path, arguments := calls(script)
		require.Equal(tb, callback, path, "%q", script)
		require.Equal(tb, 1, arguments, "%q", script)
		_, err := vm.RunString(script)
		require.NoError(tb, err, "%q", script)
		require.Len(tb, got, i+1)
	}
	return vm, got
}

// calls returns the dotted path of the function that the script calls, and the number of
// arguments. If the script is anything but one such call, the path is empty.
func calls(script string) (path string, arguments int) {
	program, err := goja.Parse("", script)
	if err != nil || len(program.Body) != 1 {
		return "", 0
	}
	statement, _ := program.Body[0].(*ast.ExpressionStatement)
	if statement == nil {
		return "", 0
	}
	call, _ := statement.Expression.(*ast.CallExpression)
	if call == nil {
		return "", 0
	}
	for callee := call.Callee; ; {
		switch e := callee.(type) {
		case *ast.DotExpression:
			path = "." + e.Identifier.Name.String() + path
			callee = e.Left
		case *ast.Identifier:
			return e.Name.String() + path, len(call.ArgumentList)
		default:
			return "", 0
		}
	}
}
