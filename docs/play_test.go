package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPlay checks play.md: its names exist, its links point to their entries in operators.md or to their
// declarations, and no name is missing.
func TestPlay(t *testing.T) {
	api := declarations{}
	for _, folder := range []string{"iteratee", "enumeratee", "enumeratee/chunk", "enumeratee/text", "enumeratee/ndjson", "enumeratee/items", "enumerator", "enumerator/retry", "enumerator/rx", "enumerator/topics", "enumerator/topics/presence", "enumerator/topics/tables", "comet", "comet/eventsource", "comet/client", "comet/client/wsclient", "comet/topic", "httpadapter", "httpadapter/compress", "httpadapter/durable", "httpadapter/parse", "httpadapter/websocket"} {
		api.addFolder(t, folder, true)
	}
	for _, folder := range []string{"iteratee/iterateetest", "enumeratee/enumerateetest", "enumerator/enumeratortest", "enumerator/topics/topicstest", "httpadapter/httpadaptertest"} {
		api.addFolder(t, folder, false)
	}
	api.addEntries(coreOperators(t))
	for _, problem := range checkTables(linked(t, "play.md", api), api) {
		t.Error("play.md: " + problem)
	}
}

// declarations are the exported names of packages: package.Name, and package.Type.Name for
// methods and fields.
type declarations map[string]declaration

type declaration struct {
	link   string // from a page of this folder: to its entry in operators.md if it has one, otherwise to its file
	listed bool   // whether it must be in the tables: a function, a method or a variable
}

func (d declarations) addFolder(t *testing.T, folder string, listed bool) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, folder)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		d.addFile(path.Join(folder, filepath.Base(file)), source, listed)
	}
}

func (d declarations) addFile(file string, source *ast.File, listed bool) {
	add := func(listed bool, names ...string) {
		if !slices.ContainsFunc(names, func(name string) bool { return !ast.IsExported(name) }) {
			d[source.Name.Name+"."+strings.Join(names, ".")] = declaration{"../" + file, listed}
		}
	}
	for _, decl := range source.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv == nil {
				add(listed, name)
				continue
			}
			ofError := name == "Error" || name == "Unwrap"
			add(listed && !ofError, typeName(decl.Recv.List[0].Type), name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						add(listed && decl.Tok == token.VAR, name.Name)
					}
				case *ast.TypeSpec:
					add(false, spec.Name.Name)
					for _, member := range members(spec.Type) {
						add(false, spec.Name.Name, member)
					}
				}
			}
		}
	}
}

// addEntries lets the operators be linked to their entries in operators.md.
func (d declarations) addEntries(operators map[string]*operator) {
	for name := range operators {
		d[name] = declaration{"operators.md#" + anchorOf(name), d[name].listed}
	}
}

// linked reads a page. With -update, it first writes the links of the page.
func linked(t *testing.T, name string, api declarations) string {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	page := string(text)
	if *update {
		page = relink(page, api)
		require.NoError(t, os.WriteFile(name, []byte(page), 0o644))
	}
	return page
}

// relink returns page with the links of api.
func relink(page string, api declarations) string {
	return linkedCode.ReplaceAllStringFunc(page, func(text string) string {
		if name := linkedCode.FindStringSubmatch(text)[1]; api[name].link != "" {
			return fmt.Sprintf("[`%s`](%s)", name, api[name].link)
		}
		return text
	})
}

// typeName returns T for a receiver of type T, *T, T[E] or T[E, A].
func typeName(receiver ast.Expr) string {
	switch t := receiver.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

func members(t ast.Expr) (names []string) {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return nil
	}
	for _, field := range fields.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// headers are the allowed header rows: of tables of Play's operations, of Halley's own, and of ReactiveX's.
var headers = [][]string{
	{"Play", "Halley", "How it differs"},
	{"Halley", "Known from", "What it does"},
	{"ReactiveX", "RxGo", "ro", "Halley", "How it differs"},
}

var (
	linkedCode = regexp.MustCompile("\\[`([^`]*)`\\]\\(([^)]*)\\)")
	inlineCode = regexp.MustCompile("`[^`]*`")
)

// checkTables returns the problems of a page of tables.
func checkTables(page string, api declarations) (problems []string) {
	var packages []string
	for name := range api {
		packages = append(packages, name[:strings.Index(name, ".")])
	}
	slices.Sort(packages)
	symbol := regexp.MustCompile(`\b(` + strings.Join(slices.Compact(packages), "|") + `)(\.[A-Z]\w*){1,2}`)

	named := map[string]bool{} // in a column Halley
	var header []string
	for i, line := range strings.Split(page, "\n") {
		problem := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("line %d: ", i+1)+fmt.Sprintf(format, args...))
		}
		for _, span := range inlineCode.FindAllString(line, -1) {
			for _, name := range symbol.FindAllString(span, -1) {
				if _, ok := api[name]; !ok {
					problem("there is no %s", name)
				}
			}
		}
		for _, m := range linkedCode.FindAllStringSubmatch(line, -1) {
			decl, ok := api[m[1]]
			switch {
			case m[1] != symbol.FindString(m[1]):
				problem("%s is not of the form package.Name", m[1])
			case ok && m[2] != decl.link:
				problem("the link of %s must be %s, not %s; go test ./docs -update writes it", m[1], decl.link, m[2])
			}
		}
		if !strings.HasPrefix(line, "|") {
			header = nil
			continue
		}
		row := cells(line)
		if header == nil {
			if header = row; !slices.ContainsFunc(headers, func(h []string) bool { return slices.Equal(h, row) }) {
				problem("no table has the columns %s", strings.Join(row, ", "))
			}
			continue
		}
		if len(row) != len(header) {
			problem("%d columns, not %d", len(row), len(header))
			continue
		}
		if strings.Trim(line, "|-") == "" {
			continue
		}
		for column, cell := range row {
			if cell == "" && (header[column] == "Play" || header[column] == "Halley") {
				problem("the column %s is empty", header[column])
			}
			if header[column] != "Halley" {
				continue
			}
			for _, m := range linkedCode.FindAllStringSubmatch(cell, -1) {
				named[m[1]] = true
			}
			for _, span := range inlineCode.FindAllString(linkedCode.ReplaceAllString(cell, ""), -1) {
				if name := strings.Trim(span, "`"); name == symbol.FindString(name) {
					problem("%s is not a link: write [`%[1]s`]() and run go test ./docs -update", name)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(api)) {
		if api[name].listed && !named[name] {
			problems = append(problems, name+" is in no table: add it to the row of Play's operation, or to a table under Not in Play")
		}
	}
	return problems
}

// cells returns the cells of row. Within a cell, a bar is written as \|.
func cells(row string) []string {
	const bar = "\x00"
	row = strings.ReplaceAll(strings.TrimSpace(row), `\|`, bar)
	row = strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|")
	columns := strings.Split(row, "|")
	for i, cell := range columns {
		columns[i] = strings.TrimSpace(strings.ReplaceAll(cell, bar, `\|`))
	}
	return columns
}

func TestCheckTables(t *testing.T) {
	api := fakeAPI(t)
	const head = "| Play | Halley | How it differs |\n|---|---|---|\n"
	const good = head +
		"| `take(n)` | [`flow.Take`](../flow/take.go), [`flow.ErrShort`](../flow/take.go) | |\n" +
		"| `a \\|\\| b` | [`flow.Flow.Then`](../flow/flow.go) and `x == nil` | `flow.Take(1)`, `flow.Flow.Size` |\n"
	assert.Empty(t, checkTables(good, api))
	assert.Empty(t, checkTables(good+"\n| Halley | Known from | What it does |\n|---|---|---|\n| a loop | Go | it |\n", api))

	for row, want := range map[string]string{
		"| a | [`flow.Tako`](../flow/take.go) | |":        "line 5: there is no flow.Tako",
		"| a | [`flow.Take.Then`](../flow/take.go) | |":   "line 5: there is no flow.Take.Then",
		"| a | [`flow.Flow.hidden`](../flow/flow.go) | |": "line 5: flow.Flow.hidden is not of the form package.Name",
		"| a | a loop | as `flow.Tako(1)` does |":         "line 5: there is no flow.Tako",
		"| a | [`flow.Take`](../flow/flow.go) | |":        "line 5: the link of flow.Take must be ../flow/take.go, not ../flow/flow.go; go test ./docs -update writes it",
		"| a | [`Take`](../flow/take.go) | |":             "line 5: Take is not of the form package.Name",
		"| a | `flow.Take` | |":                           "line 5: flow.Take is not a link: write [`flow.Take`]() and run go test ./docs -update",
		"| a | | nothing |":                               "line 5: the column Halley is empty",
		"| | a loop | |":                                  "line 5: the column Play is empty",
		"| a | a loop |":                                  "line 5: 2 columns, not 3",
		"| a | a \\|\\| b | c | |":                        "line 5: 4 columns, not 3",
		"\n| Play | Halley |\n|---|---|":                  "line 6: no table has the columns Play, Halley",
		"\nIt is `flow.Tako`.":                            "line 6: there is no flow.Tako",
	} {
		problems := checkTables(good+row+"\n", api)
		if assert.NotEmpty(t, problems, row) {
			assert.Equal(t, want, problems[0])
		}
	}
	// Names in prose and in the other columns do not count.
	assert.Equal(t, []string{"flow.Flow.Then is in no table: add it to the row of Play's operation, or to a table under Not in Play"}, checkTables(head+
		"| `take(n)` | [`flow.Take`](../flow/take.go), [`flow.ErrShort`](../flow/take.go) | see [`flow.Flow.Then`](../flow/flow.go) |\n"+
		"\n[`flow.Flow.Then`](../flow/flow.go)\n", api))
}

func TestAPI(t *testing.T) {
	assert.Equal(t, declarations{
		"flow.ErrShort":          {"../flow/take.go", true},
		"flow.Flow":              {"../flow/flow.go", false},
		"flow.Flow.Size":         {"../flow/flow.go", false},
		"flow.Flow.Then":         {"../flow/flow.go", true},
		"flow.Limit":             {"../flow/take.go", false},
		"flow.ShortError":        {"../flow/take.go", false},
		"flow.ShortError.Error":  {"../flow/take.go", false},
		"flow.ShortError.Unwrap": {"../flow/take.go", false},
		"flow.Source":            {"../flow/flow.go", false},
		"flow.Source.Next":       {"../flow/flow.go", false},
		"flow.Take":              {"../flow/take.go", true},
	}, fakeAPI(t))
}

func TestRelink(t *testing.T) {
	api := fakeAPI(t)
	api.addEntries(map[string]*operator{"flow.Take": {}, "flow.Flow.Then": {}})
	assert.Equal(t, declaration{"operators.md#flowtake", true}, api["flow.Take"])
	assert.Equal(t, declaration{"operators.md#flowflowthen", true}, api["flow.Flow.Then"])
	assert.Equal(t, declaration{"../flow/flow.go", false}, api["flow.Flow.Size"], "it is no operator")

	const row = "| Play | Halley | How it differs |\n|---|---|---|\n" +
		"| `take(n)` | [`flow.Take`](../flow/take.go), [`flow.Flow.Then`](), [`flow.ErrShort`](flow.go) | as [`flow.Take`](../flow/take.go) and [`flow.Tako`](x) |\n"
	want := "line 3: the link of flow.Take must be operators.md#flowtake, not ../flow/take.go; go test ./docs -update writes it"
	assert.Contains(t, checkTables(row, api), want)
	page := relink(row, api)
	assert.Equal(t, "| Play | Halley | How it differs |\n|---|---|---|\n"+
		"| `take(n)` | [`flow.Take`](operators.md#flowtake), [`flow.Flow.Then`](operators.md#flowflowthen), [`flow.ErrShort`](../flow/take.go) "+
		"| as [`flow.Take`](operators.md#flowtake) and [`flow.Tako`](x) |\n", page)
	assert.Equal(t, []string{"line 3: there is no flow.Tako"}, checkTables(page, api))
	assert.Equal(t, page, relink(page, api))
}

func fakeAPI(t *testing.T) declarations {
	api := declarations{}
	for file, text := range map[string]string{
		"flow/flow.go": `package flow
			type Flow[E, A any] struct { Size, hidden int }
			func (f *Flow[E, A]) Then() {}
			func (f Flow[E, A]) hidden() {}
			type part[E any] struct { Size int }
			func (p part[E]) Then() {}
			type Source[E any] interface { Next() E; hidden() }`,
		"flow/take.go": `package flow
			func Take() {}
			func check() {}
			var ErrShort, errLong = errors.New("short"), errors.New("long")
			const Limit = 1
			type ShortError struct{}
			func (*ShortError) Error() string { return "" }
			func (*ShortError) Unwrap() error { return nil }`,
	} {
		source, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		api.addFile(file, source, true)
	}
	return api
}
