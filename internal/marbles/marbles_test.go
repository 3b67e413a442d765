package marbles

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//go:generate go test . -run TestDiagrams -update

var update = flag.Bool("update", false, "write the pictures of the diagrams")

var folder = filepath.Join("..", "..", "docs", "marbles")

// TestDiagrams checks each diagram against its operator, and its picture against the diagram.
func TestDiagrams(t *testing.T) {
	files := map[string]bool{}
	for _, e := range diagrams {
		t.Run(e.name, func(t *testing.T) {
			check(t, e)
			diagram, err := Parse(e.text)
			require.NoError(t, err)
			name := e.name + ".svg"
			require.False(t, files[name], "a second diagram of that name")
			files[name] = true
			want := SVG("Marble diagram: "+diagram.Operator, diagram)
			file := filepath.Join(folder, name)
			if *update && !t.Failed() {
				require.NoError(t, os.WriteFile(file, want, 0o644))
			}
			got, err := os.ReadFile(file)
			require.NoError(t, err, "draw it with go generate ./internal/marbles")
			assert.Equal(t, string(want), string(got), "draw it again with go generate ./internal/marbles")
		})
	}
	if t.Failed() {
		return
	}
	pictures, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	for _, picture := range pictures {
		if name := filepath.Base(picture); !files[name] && *update {
			require.NoError(t, os.Remove(picture))
		} else {
			assert.True(t, files[name], "%s: there is no such diagram", picture)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := Parse(`
in    -1---[a b],22==!-4---#
> Take(2)
next       ---3|
`)
	require.NoError(t, err)
	assert.Equal(t, Diagram{
		Operator: "Take(2)", Before: 1,
		Lines: []Line{
			{Name: "in", Length: 22, Events: []Event{
				{At: 1, Kind: Element, Label: "1"},
				{At: 5, Kind: Element, Label: "[a b]"},
				{At: 5, Kind: Element, Label: "22", Wait: 10},
				{At: 15, Kind: Stop},
				{At: 17, Kind: Element, Label: "4"},
				{At: 21, Kind: Failure},
			}},
			{Name: "next", Start: 5, Length: 10, Events: []Event{{At: 8, Kind: Element, Label: "3"}, {At: 8, Kind: End}}},
		},
	}, got)
	assert.Equal(t, "-1---[a b],22==!", Format(got.Lines[0].Happens()))
	assert.False(t, got.Lines[0].IsOpen())

	for text, want := range map[string]string{
		"":                          "needs timelines and an operator",
		"> Map":                     "needs timelines and an operator",
		"in -1-":                    "needs timelines and an operator",
		"in -1-\n> Map\n> Map":      "line 3: a second operator",
		"in":                        "line 1: neither a name",
		"in -1-\n> Map\n out -1-":   "line 3: neither a name",
		"input -1-\n> Map\nout -1-": "line 3: the timeline begins before",
		"in -1 2-\n> Map":           "line 1: a space within",
		"in -1|-2\n> Map":           "line 1: the timeline in goes on after its end",
		"in -1#2|\n> Map":           "line 1: the timeline in goes on after its end",
		"in -=1\n> Map":             "line 1: = without an element",
		"in -1-=\n> Map":            "line 1: = without an element",
		"in -1!-2!\n> Map":          "line 1: the timeline in is stopped twice",
		"in -[1 2\n> Map":           "line 1: the timeline in: the brackets",
	} {
		_, err := Parse(text)
		assert.ErrorContains(t, err, want, text)
	}
}

// Each timeline that happens as a whole is the Format of its events.
func TestFormat(t *testing.T) {
	for _, text := range []string{"", "-1---2|", "1,2--3#", "-a===b=!", "-[a b],c==|", "1==", "--|"} {
		line, err := parseLine("in", text, 0)
		require.NoError(t, err, text)
		assert.Equal(t, text, Format(line.Events))
	}
}

// A picture is well-formed, and shows each label as text.
func TestSVG(t *testing.T) {
	diagram, err := Parse("in -<---&=!-c|\n> Filter(e < \"&\")\nresult -<")
	require.NoError(t, err)
	picture := string(SVG(`a & "b"`, diagram))
	decoder := xml.NewDecoder(strings.NewReader(picture))
	var text strings.Builder
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
			text.WriteByte('\n')
		}
	}
	for _, want := range []string{"\na & \"b\"\n", "\nFilter(e < \"&\")\n", "\n<\n", "\n&\n", "\nc\n"} {
		assert.Contains(t, text.String(), want)
	}
	assert.Equal(t, 1, strings.Count(picture, `<g class="never">`), "c is never made")
}
