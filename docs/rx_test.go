package docs_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// TestRx keeps rx.md true: what it names is there, and each operator of the three libraries has a row.
func TestRx(t *testing.T) {
	api := declarations{}
	for _, folder := range []string{"iteratee", "enumeratee", "enumeratee/chunk", "enumeratee/text", "enumeratee/ndjson", "enumerator", "enumerator/retry", "enumerator/rx"} {
		api.addFolder(t, folder, false)
	}
	api.addEntries(coreOperators(t))
	page := linked(t, "rx.md", api)
	for _, problem := range checkTables(page, api) {
		t.Error("rx.md: " + problem)
	}
	for _, problem := range checkOperators(page, map[string][]string{
		"ReactiveX": listed(t, "reactivex.txt"),
		"RxGo":      rxgoOperators(t),
		"ro":        listed(t, "ro.txt"),
	}) {
		t.Error("rx.md: " + problem)
	}
}

// listed reads the names in a file of testdata, one a line.
func listed(t *testing.T, file string) (names []string) {
	text, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSpace(line); !strings.HasPrefix(name, "# ") {
			names = append(names, name)
		}
	}
	require.NotEmpty(t, names)
	return names
}

// rxgoOperators returns the functions of package rxgo, and the methods of its Observable.
func rxgoOperators(t *testing.T) []string {
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/reactivex/rxgo/v2").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(folder)), "*.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, name := range operatorsOf(source) {
			names[name] = true
		}
	}
	require.Greater(t, len(names), 100)
	return slices.Sorted(maps.Keys(names))
}

func operatorsOf(source *ast.File) (names []string) {
	ast.Inspect(source, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.IsExported() {
				names = append(names, n.Name.Name)
			}
			return false
		case *ast.TypeSpec:
			if n.Name.Name == "Observable" {
				names = append(names, members(n.Type)...)
			}
		}
		return true
	})
	return names
}

// checkOperators returns what is wrong with a page whose columns hold the operators of libraries.
func checkOperators(page string, libraries map[string][]string) (problems []string) {
	rows := map[string]map[string]bool{} // the names in a column
	for library := range libraries {
		rows[library] = map[string]bool{}
	}
	var header []string
	for i, line := range strings.Split(page, "\n") {
		problem := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("line %d: ", i+1)+fmt.Sprintf(format, args...))
		}
		if !strings.HasPrefix(line, "|") {
			header = nil
			continue
		}
		row := cells(line)
		if header == nil {
			header = row
			continue
		}
		if strings.Trim(line, "|-") == "" || len(row) != len(header) {
			continue
		}
		any := false
		for column, cell := range row {
			names, ok := rows[header[column]]
			for _, span := range inlineCode.FindAllString(cell, -1) {
				name := strings.Trim(span, "`")
				switch {
				case !ok:
				case !slices.Contains(libraries[header[column]], name):
					problem("%s has no %s", header[column], name)
				default:
					names[name], any = true, true
				}
			}
			if header[column] == "Halley" && !inlineCode.MatchString(cell) && row[len(row)-1] == "" {
				problem("there is neither an answer nor a reason")
			}
		}
		if !any {
			problem("a row of no operator")
		}
	}
	for _, library := range slices.Sorted(maps.Keys(libraries)) {
		for _, name := range libraries[library] {
			if !rows[library][name] {
				problems = append(problems, fmt.Sprintf("%s of %s has no row", name, library))
			}
		}
	}
	return problems
}

func TestCheckOperators(t *testing.T) {
	libraries := map[string][]string{"ReactiveX": {"Map", "map", "++"}, "ro": {"Map"}}
	const head = "| ReactiveX | ro | Halley | How it differs |\n|---|---|---|---|\n"
	const good = head + "| `Map`, `++` | `Map` | `flow.Map` | |\n| `map` | | none | because |\n"
	assert.Empty(t, checkOperators(good, libraries))
	for page, want := range map[string]string{
		good + "| `Mop` | | x | y |\n":                           "line 5: ReactiveX has no Mop",
		good + "| | `map` | x | y |\n":                           "line 5: ro has no map",
		good + "| | | `flow.Map` | y |\n":                        "line 5: a row of no operator",
		good + "| `Map` | | none | |\n":                          "line 5: there is neither an answer nor a reason",
		head + "| `Map`, `map` | `Map` | `flow.Map` | |\n":       "++ of ReactiveX has no row",
		head + "| `Map`, `map`, `++` | | `flow.Map` | |\n":       "Map of ro has no row",
		head + "| `Map`, `map` | `Map` | `x` | `++` |\n\n`++`\n": "++ of ReactiveX has no row",
		"| Halley |\n|---|\n| `Map` |\n\n" + good:                "line 3: a row of no operator",
	} {
		problems := checkOperators(page, libraries)
		if assert.NotEmpty(t, problems, page) {
			assert.Equal(t, want, problems[0])
		}
	}
}

func TestOperatorsOf(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "flow.go", `package flow
		type Observable interface { Iterable; Map(); Filter() }
		type Single interface { Get() }
		func Just() { type Observable interface { Hidden() } }
		func hidden() {}
		func (o *Impl) Other() {}`, parser.SkipObjectResolution)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"Map", "Filter", "Just"}, operatorsOf(source))
}

func Example_rx() {
	ctx := context.Background()
	// snippet: pipeline
	letters := enumerator.Of("a", "B", "b", "A", "c")
	distinct := enumeratee.Compose(enumeratee.Distinct(1000, strings.ToLower), enumeratee.Take[string](2))
	n, err := enumerator.Run(ctx, enumerator.Through(letters, distinct), iteratee.Count[string]())
	// end snippet
	fmt.Println(n, err)
	// Output: 2 <nil>
}
