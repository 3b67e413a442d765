package halley_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/halley-go/halley"

// mayImport is the dependency table of docs/architecture.md: the packages that each package
// may import besides the standard library. It does not bind tests. A package that is not in
// the table fails the test.
var mayImport = map[string][]string{
	".":                           {},
	"iteratee":                    {"internal/deadline", "internal/fast", "internal/scope", "internal/stop", "internal/check"},
	"enumeratee":                  {"iteratee", "internal/check", "internal/fast", "internal/guard", "internal/prompt", "internal/scope", "internal/stop"},
	"enumeratee/chunk":            {"iteratee", "enumeratee", "internal/check"},
	"enumeratee/text":             {"iteratee", "enumeratee", "golang.org/x/text/*", "internal/check"},
	"enumerator":                  {"iteratee", "enumeratee", "internal/deadline", "internal/guard", "internal/prompt", "internal/scope", "internal/stop", "internal/check"},
	"comet":                       {"iteratee", "enumeratee", "enumeratee/items", "enumerator", "internal/guard", "internal/whole", "internal/check"},
	"comet/eventsource":           {"iteratee", "enumeratee", "enumerator", "comet", "internal/whole", "golang.org/x/text/*", "internal/check"},
	"httpadapter":                 {"iteratee", "enumeratee", "enumerator", "internal/guard", "internal/check", "internal/fanout", "httpadapter/internal/answer", "httpadapter/internal/shared"},
	"httpadapter/durable":         {"iteratee", "enumeratee", "enumeratee/items", "enumerator", "enumerator/topics", "httpadapter", "httpadapter/parse", "internal/check"},
	"httpadapter/parse":           {"iteratee", "enumeratee", "enumeratee/text", "enumeratee/ndjson", "enumerator", "httpadapter", "httpadapter/internal/answer", "internal/check", "golang.org/x/text/*"},
	"httpadapter/internal/answer": {},
	"httpadapter/internal/shared": {"internal/fanout"},
	"internal/check":              {},
	"httpadapter/compress":        {"httpadapter", "github.com/klauspost/compress/*"},
	"enumerator/rx":               {"iteratee", "enumerator", "internal/guard", "github.com/reactivex/rxgo/v2", "github.com/cenkalti/backoff/v4"},
	"comet/follow":                {"iteratee", "enumeratee", "enumeratee/ndjson", "enumerator", "enumerator/retry", "comet", "comet/eventsource", "httpadapter", "internal/check", "internal/whole", "github.com/cenkalti/backoff/v5"},
	"comet/client/wsclient":       {"iteratee", "enumeratee", "enumerator", "comet", "comet/internal/progress", "comet/internal/unsent", "httpadapter", "httpadapter/websocket", "github.com/coder/websocket"},
	"comet/internal/unsent":       {"enumerator", "httpadapter"},
	"comet/internal/progress":     {"iteratee", "enumeratee", "enumerator"},
	"comet/client":                {"iteratee", "enumeratee", "enumeratee/ndjson", "enumerator", "comet", "comet/eventsource", "comet/internal/progress", "comet/internal/unsent", "httpadapter", "internal/check"},
	"comet/topic":                 {"iteratee", "enumeratee/items", "enumerator", "enumerator/topics", "enumerator/topics/tables", "comet", "comet/client", "httpadapter", "httpadapter/parse", "internal/check"},
	"comet/answers":               {"iteratee", "enumerator", "enumerator/topics", "comet", "comet/client", "comet/eventsource", "comet/topic", "httpadapter", "httpadapter/parse", "internal/check", "internal/guard"},
	"iteratee/iterateetest":       {"iteratee", "internal/fast", "internal/report"},
	"enumeratee/enumerateetest":   {"iteratee", "enumeratee", "enumerator", "iteratee/iterateetest", "internal/fast", "internal/report"},
	"enumerator/enumeratortest":   {"iteratee", "enumerator", "internal/fast", "internal/report", "internal/scope"},
	"internal/stop":               {},
	"internal/fanout":             {"enumerator"},
	"internal/deadline":           {},
	"internal/fast":               {},
	"internal/scope":              {"internal/stop"},
	"internal/prompt":             {"iteratee", "internal/fast"},
	"internal/guard":              {},
	"internal/report":             {"iteratee"},
	"internal/table":              {},
	"internal/whole":              {"iteratee", "enumeratee", "internal/check"},
	"internal/browsertest":        {"internal/probe", "github.com/chromedp/chromedp", "github.com/stretchr/testify/*"},
	"internal/marbles":            {},
	"internal/probe":              {"iteratee", "enumeratee", "enumerator", "github.com/stretchr/testify/require"},
	"internal/picture":            {"github.com/chromedp/chromedp"},
	"internal/release":            {},
	"docs":                        {},
	"examples":                    {"examples/*", "docs", "iteratee", "enumeratee", "enumerator", "enumerator/topics", "comet", "httpadapter", "github.com/alecthomas/chroma/v2*", "github.com/yuin/goldmark*"},
	"examples/*":                  {"examples/*", "iteratee", "enumeratee", "enumerator", "enumerator/rx", "enumerator/topics", "comet", "httpadapter", "httpadapter/parse", "httpadapter/websocket", "github.com/reactivex/rxgo/v2", "comet/client", "comet/eventsource", "comet/follow", "enumeratee/items", "enumeratee/ndjson", "comet/topic", "enumerator/topics/presence", "enumerator/topics/tables", "comet/answers"},
	"httpadapter/httpadaptertest": {},
	"httpadapter/websocket":       {"iteratee", "enumeratee", "enumerator", "httpadapter", "httpadapter/internal/shared", "internal/check", "internal/fanout", "internal/guard", "internal/stop", "github.com/coder/websocket"},
	"enumeratee/items":            {"iteratee", "enumeratee", "enumerator", "internal/check"},
	"enumeratee/ndjson":           {"iteratee", "enumeratee", "enumeratee/text", "internal/whole", "internal/check"},
	"enumerator/retry":            {"iteratee", "enumerator", "internal/scope", "github.com/cenkalti/backoff/v5", "internal/check"},

	"enumerator/topics":            {"iteratee", "enumerator", "internal/check"},
	"enumerator/topics/tables":     {"iteratee", "enumerator", "enumerator/topics"},
	"enumerator/topics/presence":   {"iteratee", "enumerator", "enumerator/topics", "enumerator/topics/tables", "internal/check"},
	"enumerator/topics/topicstest": {"enumerator", "enumerator/topics", "internal/report"},
}

func TestImportsFollowTheDependencyTable(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(file, "go.mod"))
			if file != "." && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir // another module, or a folder without packages
			}
			return nil
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rule := ruleFor(filepath.ToSlash(filepath.Dir(file)))
		allowed, ok := mayImport[rule]
		if !assert.True(t, ok, "%s: its package is not in the dependency table", file) {
			return nil
		}
		seen[rule] = true
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range source.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			own, isOwn := strings.CutPrefix(name, module+"/")
			switch {
			case isOwn:
				assert.True(t, slices.Contains(allowed, ruleFor(own)), "%s imports %s", file, own)
			case strings.Contains(strings.Split(name, "/")[0], "."): // not in the standard library
				assert.True(t, slices.ContainsFunc(allowed, func(pattern string) bool {
					prefix, isPrefix := strings.CutSuffix(pattern, "*")
					return pattern == name || isPrefix && strings.HasPrefix(name, prefix)
				}), "%s imports %s", file, name)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for rule := range mayImport {
		assert.True(t, seen[rule], "the table names %s, which does not exist", rule)
	}
}

// ruleFor returns the row of the table for a package. All examples share one row.
func ruleFor(dir string) string {
	if strings.HasPrefix(dir, "examples/") {
		return "examples/*"
	}
	return dir
}
