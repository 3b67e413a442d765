package docs_test

import (
	"fmt"
	"go/ast"
	"go/doc"
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

// core are the packages whose operators are in operators.md.
var core = []string{"iteratee", "enumeratee", "enumerator"}

// TestOperators writes operators.md again and compares the result with the file. The families, their order and the
// costs come from testdata/operators.txt. The rest comes from the code and from other pages: the first sentence of the
// doc comment, the runnable example, the diagram, and the names in play.md and rx.md.
func TestOperators(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "operators.txt"))
	require.NoError(t, err)
	operators := coreOperators(t)
	want, problems := writeOperators(string(text), operators)
	for _, problem := range problems {
		t.Error(problem)
	}
	if *update && len(problems) == 0 {
		require.NoError(t, os.WriteFile("operators.md", []byte(want), 0o644))
	}
	got, err := os.ReadFile("operators.md")
	require.NoError(t, err)
	require.Equal(t, want, string(got), "an operator has changed; update the page with go test ./docs -update")
}

// Each diagram is on a page.
func TestDiagramsAreShown(t *testing.T) {
	pictures, err := filepath.Glob(filepath.Join("marbles", "*.svg"))
	require.NoError(t, err)
	require.NotEmpty(t, pictures)
	var all strings.Builder
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(page)
	}
	for _, picture := range pictures {
		assert.Contains(t, all.String(), "("+filepath.ToSlash(picture)+")")
	}
}

// An operator is an exported function of the core, a method of one of its three types, or a method whose result is a source.
type operator struct {
	file    string // its path in the repository
	doc     string
	example string // the body of its Example
	where   string // the file of its Example
	play    []string
	rx      []string
	diagram bool
}

// synopsis returns the first sentence of the doc comment.
func (o operator) synopsis() string {
	sentence := strings.ReplaceAll(new(doc.Package).Synopsis(o.doc), "|", `\|`)
	return docLink.ReplaceAllString(sentence, "`$1`")
}

// anchorOf returns the anchor of the section of an operator.
func anchorOf(name string) string { return strings.ReplaceAll(strings.ToLower(name), ".", "") }

var docLink = regexp.MustCompile(`\[([\w.]+)\]`)

func coreOperators(t *testing.T) map[string]*operator {
	operators := map[string]*operator{}
	for _, folder := range core {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		require.NoError(t, err)
		examples := map[string]*operator{}
		for _, name := range files {
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			place := path.Join(folder, filepath.Base(name))
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				switch {
				case !ok:
				case strings.HasSuffix(name, "_test.go"):
					if of, ok := strings.CutPrefix(f.Name.Name, "Example"); ok && f.Recv == nil {
						body := source[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset]
						examples[strings.Replace(of, "_", ".", 1)] = &operator{example: deindent(string(body)), where: place}
					}
				case f.Name.IsExported() && (f.Recv == nil || isOperation(f)):
					of := folder + "."
					if f.Recv != nil {
						of += typeName(f.Recv.List[0].Type) + "."
					}
					operators[of+f.Name.Name] = &operator{file: place, doc: f.Doc.Text()}
				}
			}
		}
		for of, example := range examples {
			if o := operators[folder+"."+of]; o != nil {
				o.example, o.where = example.example, example.where
			}
		}
	}
	for name, o := range operators {
		_, err := os.Stat(filepath.Join("marbles", name+".svg"))
		o.diagram = err == nil
	}
	addNames(t, "play.md", "Play", operators, func(o *operator, names []string) { o.play = append(o.play, names...) })
	addNames(t, "rx.md", "ReactiveX", operators, func(o *operator, names []string) { o.rx = append(o.rx, names...) })
	// Some operators are in the tables only as a part of a combination. Their documentation has the name.
	for _, o := range operators {
		if m := playCallsIt.FindStringSubmatch(o.doc); m != nil && o.play == nil {
			o.play = []string{"`" + strings.ReplaceAll(m[1], "|", `\|`) + "`"}
		}
		if m := reactiveX.FindStringSubmatch(o.doc); m != nil && o.rx == nil {
			o.rx = []string{"`" + m[1] + "`"}
		}
	}
	return operators
}

var (
	playCallsIt = regexp.MustCompile(`Play\s+calls\s+it\s+(\S+?)[.,]?(?:\s|$)`)
	reactiveX   = regexp.MustCompile(`ReactiveX(?::|\s+calls\s+it)\s+(\w+)`)
)

// isOperation reports whether f is a method of one of the three types, or a method of another exported type that returns
// an Enumerator.
func isOperation(f *ast.FuncDecl) bool {
	switch receiver := typeName(f.Recv.List[0].Type); {
	case threeTypes[receiver]:
		return true
	case !ast.IsExported(receiver) || f.Type.Results == nil:
		return false
	}
	return typeName(f.Type.Results.List[0].Type) == "Enumerator"
}

var threeTypes = map[string]bool{"Enumerator": true, "Enumeratee": true, "Iteratee": true}

func deindent(body string) string {
	var lines []string
	for _, line := range strings.Split(strings.Trim(body, "\n"), "\n") {
		lines = append(lines, strings.TrimPrefix(line, "\t"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// onlyLinks matches a cell that names operators and says nothing else.
var onlyLinks = regexp.MustCompile("^\\[`[^`]*`\\]\\([^)]*\\)((, | or |, or )\\[`[^`]*`\\]\\([^)]*\\))*$")

// addNames adds the names in a column of a page to the operators in the column Halley of the same row. It skips the rows
// whose counterpart is a combination of operators.
func addNames(t *testing.T, page, library string, operators map[string]*operator, add func(*operator, []string)) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var header []string
	for _, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") {
			header = nil
			continue
		}
		row := cells(line)
		if header == nil {
			header = row
			continue
		}
		names, halley := slices.Index(header, library), slices.Index(header, "Halley")
		if names < 0 || len(row) != len(header) || row[names] == "" {
			continue
		}
		for _, m := range linkedCode.FindAllStringSubmatch(onlyLinks.FindString(row[halley]), -1) {
			if o := operators[m[1]]; o != nil {
				add(o, inlineCode.FindAllString(row[names], -1))
			}
		}
	}
}

var (
	operatorLine = regexp.MustCompile(`^((?:` + strings.Join(core, "|") + `)(?:\.[A-Z]\w*)+): (.+)$`)
	ownGoroutine = regexp.MustCompile(`\bin\s+(a\s+)?goroutines?\s+of\s+(its|their)\s+own`)
	behavesLike  = regexp.MustCompile(`(?:behaves\s+like\s+|^\w+ is )\[(\w+)\]`)
)

// hasGoroutine reports whether the doc comment of the operator says that it starts a goroutine, or that it is or behaves
// like an operator that does.
func hasGoroutine(name string, operators map[string]*operator) bool {
	o := operators[name]
	if o == nil {
		return false
	}
	if ownGoroutine.MatchString(o.doc) {
		return true
	}
	m := behavesLike.FindStringSubmatch(o.doc)
	other := ""
	if m != nil {
		other = name[:strings.Index(name, ".")+1] + m[1]
	}
	return other != "" && other != name && hasGoroutine(other, operators)
}

const intro = `<!-- go test ./docs -update writes this page. Its text is in testdata/operators.txt. -->

# The operators

This page lists every operator of the packages [enumerator](../enumerator/doc.go), [enumeratee](../enumeratee/doc.go) and
[iteratee](../iteratee/doc.go), by family. [The guide](guide.md) explains the model, and
[how to read the diagrams](guide.md#how-to-read-the-diagrams). The documentation of each operator has the details: its edges, its
leftovers and its goroutines.

The column *cost* names the goroutines of an operator, the memory that it allocates for each element, and the elements that it holds.
A dash means: no goroutine, no allocation for each element, and no elements held. The columns *Play* and *ReactiveX* have the names there. [play.md](play.md)
and [rx.md](rx.md) say how the operators differ, and have the names in RxGo and samber/ro.

The examples are the runnable examples of the packages, whose output is checked. The function ` + "`show`" + ` of the examples prints the elements that come out.
`

// maxNames is how many names of another library a row has.
const maxNames = 3

// writeOperators returns the page, and the faults of text and operators.
func writeOperators(text string, operators map[string]*operator) (page string, problems []string) {
	var out, contents, rows, sections strings.Builder
	listed := map[string]bool{}
	flush := func() {
		if rows.Len() > 0 {
			out.WriteString("| operator | what it does | cost | Play | ReactiveX |\n|---|---|---|---|---|\n" + rows.String() + "\n")
		}
		out.WriteString(sections.String())
		rows.Reset()
		sections.Reset()
	}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		m := operatorLine.FindStringSubmatch(line)
		if m == nil {
			if title, ok := strings.CutPrefix(line, "## "); ok {
				flush()
				fmt.Fprintf(&contents, "- [%s](#%s)\n", title, strings.ReplaceAll(strings.ToLower(title), " ", "-"))
			}
			blank := line == "" && (rows.Len() > 0 || strings.HasSuffix(out.String(), "\n\n") || out.Len() == 0)
			if !strings.HasPrefix(line, "# ") && line != "#" && !blank {
				out.WriteString(line + "\n")
			}
			continue
		}
		name, cost := m[1], strings.TrimSpace(m[2])
		if cost == "-" {
			cost = "–"
		}
		o := operators[name]
		if o == nil || listed[name] {
			problems = append(problems, fmt.Sprintf("line %d: %s is listed twice, or there is no such operator", i+1, name))
			continue
		}
		listed[name] = true
		if says := hasGoroutine(name, operators); says != strings.Contains(cost, "goroutine") {
			problems = append(problems, fmt.Sprintf("line %d: the cost of %s is %q, but its documentation says %v about a goroutine", i+1, name, cost, says))
		}
		fmt.Fprintf(&sections, "### %s\n\n", name)
		if o.diagram {
			fmt.Fprintf(&sections, "![%s](marbles/%s.svg)\n\n", strings.ReplaceAll(o.synopsis(), "`", ""), name)
		} else {
			fmt.Fprintf(&sections, "%s\n\n", o.synopsis())
		}
		fmt.Fprintf(&sections, "```go\n%s\n```\n\n", o.example)
		fmt.Fprintf(&sections, "Declared in [%s](../%s), with the example in [%s](../%s).\n\n", path.Base(o.file), o.file, path.Base(o.where), o.where)
		fmt.Fprintf(&rows, "| [`%s`](#%s) | %s | %s | %s | %s |\n", name, anchorOf(name), o.synopsis(), cost, some(o.play), some(o.rx))
	}
	flush()
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		if !listed[name] {
			problems = append(problems, name+" has no row in testdata/operators.txt: add a line for it with its cost, and run go test ./docs -update")
		}
		if folder, of, _ := strings.Cut(name, "."); operators[name].example == "" {
			problems = append(problems, fmt.Sprintf("%s has no example: add Example%s to a file example_*_test.go in %s", name, strings.ReplaceAll(of, ".", "_"), folder))
		}
	}
	return strings.TrimRight(intro+"\n"+contents.String()+"\n"+out.String(), "\n") + "\n", problems
}

// some returns the first of names, without repetitions.
func some(names []string) string {
	var few []string
	for _, name := range names {
		if !slices.Contains(few, name) {
			few = append(few, name)
		}
	}
	if len(few) > maxNames {
		few = append(few[:maxNames:maxNames], "…")
	}
	return strings.Join(few, ", ")
}

func TestWriteOperators(t *testing.T) {
	const where = "enumeratee/example_test.go"
	operators := func() map[string]*operator {
		return map[string]*operator{
			"enumeratee.Map":    {file: "enumeratee/map.go", doc: "Map maps a|b. More.\n", example: "show()", where: where, play: []string{"`map`", "`map`"}},
			"enumeratee.Buffer": {file: "enumeratee/buffer.go", doc: "Buffer runs its consumer in a goroutine of its own.\n", example: "show(1)", where: where, diagram: true, rx: []string{"`a`", "`b`", "`c`", "`d`"}},
			"enumeratee.Other":  {file: "enumeratee/buffer.go", doc: "Other is nice. In all other respects it behaves like\n[Buffer].\n", example: "show(2)", where: where},
		}
	}
	const text = "# A comment\n#\n\n## One family\n\nText.\n\nenumeratee.Map: -\n\n## Two\n\nenumeratee.Buffer: a goroutine\nenumeratee.Other: a goroutine\n"
	page, problems := writeOperators(text, operators())
	assert.Empty(t, problems)
	_, body, _ := strings.Cut(page, "- [One")
	assert.Equal(t, "- [One"+` family](#one-family)
- [Two](#two)

## One family

Text.

| operator | what it does | cost | Play | ReactiveX |
|---|---|---|---|---|
| [`+"`enumeratee.Map`"+`](#enumerateemap) | Map maps a\|b. | – | `+"`map`"+` |  |

### enumeratee.Map

Map maps a\|b.

`+"```go\nshow()\n```"+`

Declared in [map.go](../enumeratee/map.go), with the example in [example_test.go](../enumeratee/example_test.go).

## Two

| operator | what it does | cost | Play | ReactiveX |
|---|---|---|---|---|
| [`+"`enumeratee.Buffer`"+`](#enumerateebuffer) | Buffer runs its consumer in a goroutine of its own. | a goroutine |  | `+"`a`, `b`, `c`, …"+` |
| [`+"`enumeratee.Other`"+`](#enumerateeother) | Other is nice. | a goroutine |  |  |

### enumeratee.Buffer

![Buffer runs its consumer in a goroutine of its own.](marbles/enumeratee.Buffer.svg)

`+"```go\nshow(1)\n```"+`

Declared in [buffer.go](../enumeratee/buffer.go), with the example in [example_test.go](../enumeratee/example_test.go).

### enumeratee.Other

Other is nice.

`+"```go\nshow(2)\n```"+`

Declared in [buffer.go](../enumeratee/buffer.go), with the example in [example_test.go](../enumeratee/example_test.go).
`, "- [One"+body)

	for change, want := range map[string]string{
		"enumeratee.Map: -\nenumeratee.Map: -": "line 9: enumeratee.Map is listed twice",
		"enumeratee.Map: a goroutine":          "line 8: the cost of enumeratee.Map",
		"enumeratee.Map: -\nenumeratee.Mop: -": "line 9: enumeratee.Mop is listed twice, or there is no such operator",
		"nothing":                              "enumeratee.Map has no row",
	} {
		_, problems := writeOperators(strings.Replace(text, "enumeratee.Map: -", change, 1), operators())
		if assert.NotEmpty(t, problems, change) {
			assert.Contains(t, problems[0], want)
		}
	}
	_, problems = writeOperators(strings.Replace(text, "Other: a goroutine", "Other: -", 1), operators())
	assert.Len(t, problems, 1, "Other behaves like Buffer")

	bare := operators()
	bare["enumeratee.Map"].example = ""
	_, problems = writeOperators(text, bare)
	assert.Equal(t, []string{"enumeratee.Map has no example: add ExampleMap to a file example_*_test.go in enumeratee"}, problems)
}
