package inside

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/iteratee"
)

// The code that the page shows is the expression that runs.
func TestCodeIsTheExpression(t *testing.T) {
	source, err := os.ReadFile("inside.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "inside.go", source, parser.SkipObjectResolution)
	require.NoError(t, err)
	parts := 0
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || literal.Type != nil || len(literal.Elts) != 4 {
			return true
		}
		code, err := strconv.Unquote(literal.Elts[2].(*ast.BasicLit).Value)
		require.NoError(t, err)
		value := literal.Elts[3]
		assert.Equal(t, string(source[set.Position(value.Pos()).Offset:set.Position(value.End()).Offset]), code)
		parts++
		return true
	})
	assert.Equal(t, len(sources)+len(adapters)+len(consumers), parts)
}

func query(source string, adapters []string, consumer string) url.Values {
	return url.Values{"source": {source}, "adapter": adapters, "consumer": {consumer}}
}

// happenings runs a pipeline in virtual time and returns its happenings, one line for each lane.
func happenings(t *testing.T, q url.Values) (lanes []string) {
	synctest.Test(t, func(t *testing.T) {
		p, err := choose(q)
		require.NoError(t, err)
		all, err := enumerator.Run(t.Context(), p.run(), iteratee.Collect[happening]())
		require.NoError(t, err)
		require.NotEmpty(t, all)
		require.Equal(t, "over", all[len(all)-1].Kind)
		lanes = make([]string, len(p.adapters)+2)
		for _, h := range all[:len(all)-1] {
			switch h.Kind {
			case "next", "rest":
				lanes[h.Lane] += fmt.Sprintf(" %s@%d", h.Label, h.At)
			case "answer":
				lanes[h.Lane] += fmt.Sprintf("-%d", h.At)
			default:
				lanes[h.Lane] += fmt.Sprintf(" %s@%d", h.Kind, h.At)
			}
		}
	})
	return lanes
}

func TestRun(t *testing.T) {
	// The consumer of four is busy for a second with each. The source, which is eager, waits for it.
	assert.Equal(t, []string{
		" 1@300-1300 2@1600-2600 3@2900-3900 4@4200-5200 stop@5200",
		" 5@5500 6@5800 7@6100 8@6400 9@6700 10@7000 11@7300 12@7600",
	}, happenings(t, query("eager", nil, "four")))

	// The next consumer gets the elements that have waited in the buffer, at once.
	lanes := happenings(t, query("eager", []string{"buffer"}, "four"))
	assert.Equal(t, " 1@300-1300 2@1300-2300 3@2300-3300 4@3300-4300 stop@4300", lanes[1])
	assert.True(t, strings.HasPrefix(lanes[2], " 5@4300 6@4300 7@4300 8@4300 9@4600"), lanes[2])

	// A Grouped that has begun hands on its group at the end.
	lanes = happenings(t, query("eager", []string{"drop", "take", "grouped"}, "fast"))
	assert.Equal(t, " 4+5+6@1800-1800 7+8@2400-2400 end@2400", lanes[3])
	assert.True(t, strings.HasPrefix(lanes[4], " 9@2700"), lanes[4])

	lanes = happenings(t, query("bursts", []string{"debounce"}, "fast"))
	assert.Equal(t, " 3@3000-3000 6@5000-5000 9@7000-7000 12@8000-8000 end@8000", lanes[1])

	lanes = happenings(t, query("eager", []string{"bufferorfail"}, "slow"))
	assert.Equal(t, " 1@300-1300 2@1300-1800 stop@1800 failure@1800", lanes[1])
}

// Each adapter runs between each source and each consumer, and the run ends.
func TestAllPipelines(t *testing.T) {
	for _, source := range sources {
		for _, consumer := range consumers {
			for _, a := range adapters {
				lanes := happenings(t, query(source.Name, []string{"", a.Name}, consumer.Name))
				assert.NotEmpty(t, lanes[0], "%s %s %s", source.Name, a.Name, consumer.Name)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	for _, q := range []url.Values{
		{}, query("eager", nil, ""), query("", nil, "fast"), query("eager", []string{"what"}, "fast"),
		query("eager", []string{"map", "map", "map", "map"}, "fast"),
	} {
		for _, path := range []string{"/inside/code", "/inside/stream"} {
			w := httptest.NewRecorder()
			Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+"?"+q.Encode(), nil))
			assert.Equal(t, http.StatusBadRequest, w.Code, q)
		}
	}
	p, err := choose(query("eager", []string{"map", "take"}, "fast"))
	require.NoError(t, err)
	assert.Equal(t, `source := enumerator.Through(enumerator.Range(1, 12), enumeratee.MapM(produce))
pipeline := enumeratee.Compose(
	enumeratee.Map(tenfold),
	enumeratee.Take[string](5),
)
consumer := iteratee.Ignore[string]()
_, err := enumerator.Run(ctx, enumerator.Through(source, pipeline), consumer)`, p.code())
}

// The page shows all that happens, on a phone too.
func TestPage(t *testing.T) {
	server := httptest.NewServer(Handler())
	defer server.Close()
	ctx := browsertest.Start(t)
	width := int64(390)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 844), chromedp.Navigate(server.URL+"/inside")))
	wait := func(expression string) {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(time.Minute), chromedp.WithPollingInterval(50*time.Millisecond)))
		require.NoError(t, err, expression)
	}
	wait(`over > 0 && state.textContent.startsWith('The run is over')`)
	wait(`lanes[3].svg.querySelectorAll('text').length > 5`)
	wait(`code.textContent.includes('enumeratee.Buffer[string](3),')`)
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`JSON.stringify({
		lanes: lanes.map(function(lane) { return Array.from(lane.svg.querySelectorAll('text')).map(function(text) { return text.textContent; }).join(' '); }),
		wide: document.documentElement.scrollWidth,
		log: log.children.length > 20,
		covered: lanes.flatMap(function(lane) { return Array.from(lane.svg.querySelectorAll('rect')).map(function(marble) { return marble.getBoundingClientRect(); }); })
			.filter(function(box, i, all) { return i && all[i-1].top === box.top && all[i-1].right > box.left; }).length,
	})`))
	require.NoError(t, err)
	var page struct {
		Lanes   []string
		Wide    int64
		Log     bool
		Covered int
	}
	require.NoError(t, json.Unmarshal([]byte(text), &page))
	require.Len(t, page.Lanes, 4, text)
	assert.Equal(t, "10 20 30 40", page.Lanes[2], "behind Map")
	assert.True(t, strings.HasPrefix(page.Lanes[3], "5 6 7"), "the next consumer gets %s", page.Lanes[3])
	assert.LessOrEqual(t, page.Wide, width, "the page is too wide for a phone")
	assert.True(t, page.Log)
	assert.Zero(t, page.Covered, "marbles that cover the one before")

	_, err = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`form.elements.adapter[0].value = 'bufferorfail'; form.elements.consumer.value = 'slow'; form.requestSubmit()`))
	require.NoError(t, err)
	wait(`over > 0 && /^The run has failed after .* s: .*buffer/.test(state.textContent)`)
}
