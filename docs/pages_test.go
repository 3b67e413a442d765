// Package docs_test checks the pages of this folder and those at the root. Their code is cut
// from files that are compiled and tested, and their links point to existing files.
//
// A comment right before a fence names its code, by the path of a file in the repository
// and the name of a region in that file:
//
//	<!-- snippet: examples/comet/helper/helper.go#stream -->
//
// In the file, two comments mark the region, each on a line of its own. They are //, # or
// <!-- --> comments:
//
//	// snippet: stream
//	// end snippet
//
// A region also ends before a line that is indented less than its first line. So a region
// in a function needs no end mark, which could not follow "// Output:".
//
// After a change of the file, run "go test ./docs -update" to update the pages.
package docs_test

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "update the code in the pages")

const root = ".." // of the repository

func pages(t *testing.T) []string {
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	translations, err := filepath.Glob("*/*.md")
	require.NoError(t, err)
	names = append(names, translations...)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"} {
		names = append(names, filepath.Join(root, name))
	}
	return names
}

func TestCode(t *testing.T) {
	for _, name := range pages(t) {
		if name == "operators.md" {
			continue // TestOperators writes it
		}
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(name)
			require.NoError(t, err)
			want, err := weave(string(page), readRegion)
			require.NoError(t, err)
			if *update && want != string(page) {
				require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
				return
			}
			require.Equal(t, want, string(page), "the code has changed; update the page with go test ./docs -update")
		})
	}
}

func TestLinks(t *testing.T) {
	known := map[string][]string{} // the anchors of the files that have been read
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, link := range links(string(page)) {
				target, err := url.Parse(link)
				if !assert.NoError(t, err) || target.IsAbs() || target.Host != "" {
					continue
				}
				assert.False(t, strings.HasPrefix(target.Path, "/"), "%s: a link within the repository must be relative", link)
				file := name
				if target.Path != "" {
					file = filepath.Join(filepath.Dir(name), filepath.FromSlash(target.Path))
				}
				if _, err := os.Stat(file); !assert.NoError(t, err, link) || target.Fragment == "" || filepath.Ext(file) != ".md" {
					continue
				}
				if known[file] == nil {
					text, err := os.ReadFile(file)
					require.NoError(t, err)
					known[file] = anchors(string(text))
				}
				assert.Contains(t, known[file], target.Fragment, link)
			}
		})
	}
}

var (
	mark   = regexp.MustCompile(`^<!-- snippet: ([^\s#]+)#(\S+) -->$`)
	fence  = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\w*)")
	border = regexp.MustCompile(`^\s*(?://|#|<!--)\s*(end snippet|snippet: (\S+))(?:\s*-->)?\s*$`)
)

// weave returns page with the current code in each marked fence.
func weave(page string, region func(file, name string) ([]string, error)) (string, error) {
	lines := strings.Split(page, "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		m := mark.FindStringSubmatch(lines[i])
		if m != nil {
			i++
			if i == len(lines) || !strings.HasPrefix(lines[i], "```") {
				return "", fmt.Errorf("line %d: no fence follows the mark of a snippet", i)
			}
			out = append(out, lines[i])
		}
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		if lang := strings.ToLower(open[2]); m == nil && (lang == "go" || lang == "golang") {
			return "", fmt.Errorf("line %d: Go code without the mark of a snippet", i+1)
		}
		length := slices.IndexFunc(lines[i+1:], func(line string) bool { return strings.TrimSpace(line) == open[1] })
		if length < 0 {
			return "", fmt.Errorf("line %d: the fence is not closed", i+1)
		}
		body := lines[i+1 : i+1+length]
		if m != nil {
			var err error
			if body, err = region(m[1], m[2]); err != nil {
				return "", fmt.Errorf("line %d: %w", i, err)
			}
		}
		out = append(out, body...)
		i += 1 + length
		out = append(out, lines[i])
	}
	return strings.Join(out, "\n"), nil
}

func readRegion(file, name string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	lines, err := cut(string(text), name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return lines, nil
}

// cut returns the lines of the region name of text. It removes the indent of the first line
// from each of them, and the blank lines around the region.
func cut(text, name string) ([]string, error) {
	var region []string
	found, in, indent := false, false, ""
	for i, line := range strings.Split(text, "\n") {
		m := border.FindStringSubmatch(line)
		switch {
		case m != nil && m[2] == name && found:
			return nil, fmt.Errorf("line %d: snippet %s is already defined above", i+1, name)
		case m != nil && m[2] == name:
			found, in = true, true
		case m != nil && m[2] != "" && in:
			return nil, fmt.Errorf("line %d: snippet %s begins before %s has ended", i+1, m[2], name)
		case m != nil:
			in = false
		case in && line == "":
			region = append(region, line)
		case in:
			if strings.Join(region, "") == "" {
				indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			}
			rest, inside := strings.CutPrefix(line, indent)
			if in = inside; inside {
				region = append(region, rest)
			}
		}
	}
	if in {
		return nil, fmt.Errorf("snippet %s has no end", name)
	}
	lines := strings.Trim(strings.Join(region, "\n"), "\n")
	if lines == "" {
		return nil, fmt.Errorf("snippet %s is missing or empty", name)
	}
	return strings.Split(lines, "\n"), nil
}

// The pages leave out the imports of their code. README.md has them, and each page with such code has a link to it.
func TestImports(t *testing.T) {
	const module = "github.com/halley-go/halley/"
	used := map[string]bool{}
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range snippet.FindAllStringSubmatch(string(page), -1) {
			source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, m[1]), nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range source.Imports {
				of, _ := strconv.Unquote(spec.Path.Value)
				local := path.Base(of)
				if spec.Name != nil {
					local = spec.Name.Name
				}
				folder, ours := strings.CutPrefix(of, module)
				folder, _, _ = strings.Cut(folder, "/")
				if ours && folder != "examples" && folder != "internal" &&
					regexp.MustCompile(`\b`+local+`\.[A-Z]`).MatchString(m[2]) {
					used[of] = true
					assert.True(t, strings.Contains(string(page), "README.md#imports)"), "%s needs a link to the imports", name)
				}
			}
		}
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	listed := regexp.MustCompile("    "+module+`\S+`).FindAllString(string(readme), -1)
	assert.Equal(t, "    "+strings.Join(slices.Sorted(maps.Keys(used)), "\n    "), strings.Join(listed, "\n"), "the imports in README.md")
}

var snippet = regexp.MustCompile("(?ms)^<!-- snippet: (\\S+\\.go)#.*?\n```go\n(.*?)^```")

var (
	code = regexp.MustCompile("(?sm)^\\s*```.*?^\\s*```|`[^`\n]*`")
	link = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)|(?m:^\s*\[[^\]]+\]:\s*(\S+))|(?:src|href)="([^"]+)"`)
)

// links returns the targets of the links of page, except those in code.
func links(page string) []string {
	var targets []string
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(page, ""), -1) {
		targets = append(targets, m[1]+m[2]+m[3]) // two of them are empty
	}
	return targets
}

var heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)

// anchors returns the anchors that GitHub gives to the headings of page.
func anchors(page string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(code.ReplaceAllStringFunc(page, func(text string) string {
		return strings.Trim(text, "`") // the name of a heading may hold code
	}), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		names = append(names, name)
	}
	return names
}

func TestAnchors(t *testing.T) {
	assert.Equal(t, []string{"one-two", "shutdown-and-deployments", "what-f-does"}, anchors("# One, two\ntext\n## Shutdown and deployments\n### What `f` does?\n"))
}

func TestWeave(t *testing.T) {
	region := func(file, name string) ([]string, error) {
		if file != "a/b.go" {
			return nil, os.ErrNotExist
		}
		return []string{"new " + name}, nil
	}
	const marked = "<!-- snippet: a/b.go#x -->\n"
	for _, c := range []struct{ page, want string }{
		{"", ""},
		{"text\n", "text\n"},
		{"text\n" + marked + "```go\nold\nold\n```\nmore\n", "text\n" + marked + "```go\nnew x\n```\nmore\n"},
		{marked + "```html\n```\n" + marked + "```go\nold\n```", marked + "```html\nnew x\n```\n" + marked + "```go\nnew x\n```"},
		{"```sh\n" + marked + "old\n```\n", "```sh\n" + marked + "old\n```\n"},
		{"````text\n```go\n```\n````\n", "````text\n```go\n```\n````\n"},
	} {
		got, err := weave(c.page, region)
		assert.NoError(t, err, c.page)
		assert.Equal(t, c.want, got)
	}
	for page, want := range map[string]string{
		"\n```go\nx\n```\n":                  "line 2: Go code without",
		"- list\n\n  ``` Go\n  x\n  ```\n":   "line 3: Go code without",
		"~~~golang\nx\n~~~\n":                "line 1: Go code without",
		marked + "\n```go\nx\n```\n":         "line 1: no fence follows",
		marked[:len(marked)-1]:               "line 1: no fence follows",
		marked + "```go\nx\n":                "line 2: the fence is not closed",
		"<!-- snippet: c.go#x -->\n```\n```": "line 1: file does not exist",
	} {
		_, err := weave(page, region)
		assert.ErrorContains(t, err, want, page)
	}
}

func TestCut(t *testing.T) {
	const text = `
	// snippet: one

	if x {

		y()
	}

	// end snippet
  <!-- snippet: two -->
  <p>
    <b>
  <!-- end snippet -->
func Example() {
	// snippet: three
	x()
	// Output:
	// y
}
// snippet: empty
// end snippet
`
	for name, want := range map[string][]string{
		"one":   {"if x {", "", "\ty()", "}"},
		"two":   {"<p>", "  <b>"},
		"three": {"x()", "// Output:", "// y"},
	} {
		got, err := cut(text, name)
		assert.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := cut(text, "empty")
	assert.ErrorContains(t, err, "snippet empty is missing or empty")
	for text, want := range map[string]string{
		"// snippet: other\nx\n// end snippet":                                 "snippet one is missing or empty",
		"// snippet: one\nx":                                                   "snippet one has no end",
		"// snippet: one\nx\n// snippet: two\ny\n// end snippet":               "line 3: snippet two begins",
		"// snippet: one\nx\n// end snippet\n// snippet: one":                  "line 4: snippet one is already defined above",
		"// the snippet: one\nx := \"// snippet: one\"\n\tx()\n// end snippet": "snippet one is missing or empty",
	} {
		_, err := cut(text, "one")
		assert.ErrorContains(t, err, want, text)
	}
}

func TestFindsLinks(t *testing.T) {
	got := links("[a](b.md) ![c](d.png \"e\") [f]\n`[g](h)`\n```\n[i](j)\n```\n[f]: k.md#l\n<img src=\"m.svg\"> [n](<o.md>)")
	assert.Equal(t, []string{"b.md", "d.png", "k.md#l", "m.svg", "o.md"}, got)
}
