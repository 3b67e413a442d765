package parse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type order struct {
	Item string `json:"item"`
	N    int    `json:"n"`
}

// A row is one row of the tables of parsers.
type row[A any] struct {
	contentType, body string
	want              A
	status            int
}

// check parses each body in one piece and byte by byte, with and without a length.
func check[A any](t *testing.T, parser iteratee.Iteratee[[]byte, A], table map[string]row[A]) {
	t.Helper()
	for name, c := range table {
		t.Run(name, func(t *testing.T) {
			for _, body := range []io.Reader{strings.NewReader(c.body), unsized(c.body), iotest.OneByteReader(strings.NewReader(c.body))} {
				got, err := parse.Body(post(body, c.contentType), parser)
				statusIs(t, c.status, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestText(t *testing.T) {
	check(t, parse.Text(10), map[string]row[string]{
		"ASCII":                  {"text/plain", "hello", "hello", 0},
		"nothing":                {"text/plain", "", "", 0},
		"ISO-8859-1 by default":  {"text/plain", "b\xe4r", "bär", 0},
		"which is not 1252":      {"text/plain; charset=iso-8859-1", "\x80", "\u0080", 0},
		"UTF-8":                  {"text/plain; charset=utf-8", "bär", "bär", 0},
		"UTF-8 in other letters": {`Text/Plain;CHARSET="UTF8"`, "bär", "bär", 0},
		"UTF-16":                 {"text/plain; charset=utf-16", "\xfe\xff\x00b\x00\xe4\x00r", "bär", 0},
		"UTF-16, the other way":  {"text/plain; charset=utf-16", "\xff\xfeb\x00\xe4\x00r\x00", "bär", 0},
		"Shift JIS":              {"text/plain; charset=Shift_JIS", "\x93\xfa\x96\x7b", "日本", 0},
		"at the limit":           {"text/plain", "0123456789", "0123456789", 0},
		"over it":                {"text/plain", "0123456789a", "", 413},
		"malformed":              {"text/plain; charset=utf-8", "b\xe4r", "", 400},
		"incomplete":             {"text/plain; charset=utf-8", "b\xc3", "", 400},
		"unknown charset":        {"text/plain; charset=klingon", "hello", "", 415},
		"another type":           {"text/html", "hello", "", 415},
		"a longer type":          {"text/plainer", "hello", "", 415},
		"no type":                {"", "hello", "", 415},
		"no type at all":         {"text", "hello", "", 415},
	})
}

func TestJSON(t *testing.T) {
	check(t, parse.JSON[order](30), map[string]row[order]{
		"an object":       {"application/json", `{"item":"tea","n":2}`, order{"tea", 2}, 0},
		"text/json":       {"text/json", `{"n":1}`, order{N: 1}, 0},
		"+json":           {"application/vnd.halley+json; x=y", `{"n":1}`, order{N: 1}, 0},
		"a charset":       {"application/json; charset=utf-8", `{"item":"bär"}`, order{Item: "bär"}, 0},
		"at the limit":    {"application/json", `{"item":"0123456789abcdef"}   `, order{Item: "0123456789abcdef"}, 0},
		"over it":         {"application/json", `{"item":"0123456789abcdef"}    `, order{}, 413},
		"an open string":  {"application/json", `{"foo:}`, order{}, 400},
		"nothing":         {"application/json", ``, order{}, 400},
		"two values":      {"application/json", `{} {}`, order{}, 400},
		"the wrong type":  {"application/json", `[1]`, order{}, 400},
		"not UTF-8":       {"application/json", "{\"item\":\"\xff\"}", order{}, 400},
		"UTF-16":          {"application/json", "\xff\xfe{\x00}\x00", order{}, 400},
		"not said to be":  {"text/plain", `{}`, order{}, 415},
		"said by nothing": {"", `{}`, order{}, 415},
		"text/x+json":     {"text/x+json", `{}`, order{}, 415},
		"malformed type":  {"application/json;;;=", `{}`, order{}, 415},
		"said too often":  {"application/json; a=b; a=c", `{}`, order{}, 415},
	})

	_, err := parse.Body(post(unsized(`{"n":"two"}`), "application/json"), parse.JSON[order](30))
	statusIs(t, 400, err)
	var wrong *json.UnmarshalTypeError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "n", wrong.Field)

	for _, open := range []string{"[", `{"a":`} {
		_, err := parse.Body(post(strings.NewReader(strings.Repeat(open, 100_000)), "application/json"), parse.JSON[any](1<<20))
		statusIs(t, 400, err)
		assert.ErrorContains(t, err, "max depth")
	}
}

func TestForm(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	check(t, parse.Form(20), map[string]row[url.Values]{
		"some":          {form, "a=1&b=2&a=%C3%A4+x", url.Values{"a": {"1", "ä x"}, "b": {"2"}}, 0},
		"nothing":       {form, "", url.Values{}, 0},
		"UTF-8":         {form + "; charset=utf-8", "a=ä", url.Values{"a": {"ä"}}, 0},
		"over it":       {form, "a=0123456789012345678", nil, 413},
		"a bad escape":  {form, "a=%zz", nil, 400},
		"a semicolon":   {form, "a=1;b=2", nil, 400},
		"a charset":     {form + "; charset=utf-16", "a=1", nil, 415},
		"another type":  {"multipart/form-data", "a=1", nil, 415},
		"no type given": {"", "a=1", nil, 415},
	})
	many := strings.Repeat("a&", 20_000)
	_, err := parse.Body(post(strings.NewReader(many), form), parse.Form(1<<20))
	statusIs(t, 400, err)
}

func TestJSONLines(t *testing.T) {
	const lines = "application/x-ndjson"
	check(t, parse.JSONLines(iteratee.Collect[order](), 20), map[string]row[[]order]{
		"some":             {lines, `{"n":1}` + "\n\n" + `{"item":"tea"}` + "\r\n", []order{{N: 1}, {Item: "tea"}}, 0},
		"no last line end": {"application/jsonl; charset=utf-8", `{"n":1}`, []order{{N: 1}}, 0},
		"nothing":          {"application/ndjson", "", nil, 0},
		"at the limit":     {lines, `{"item":"012345678"}` + "\n", []order{{Item: "012345678"}}, 0},
		"over it":          {lines, `{"item":"0123456789"}` + "\n", nil, 413},
		"without an end":   {lines, strings.Repeat(" ", 21), nil, 413},
		"a bad line":       {lines, "{}\n{]\n{}", nil, 400},
		"the wrong type":   {lines, "[]\n", nil, 400},
		"not UTF-8":        {lines, "{\"item\":\"\xff\"}\n", nil, 400},
		"another charset":  {lines + "; charset=utf-16", "{}", nil, 415},
		"another type":     {"application/json", "{}", nil, 415},
	})
	check(t, parse.Tolerant(parse.JSONLines(iteratee.Collect[int](), 20)), map[string]row[[]int]{"no type": {"", "1\n2", []int{1, 2}, 0}})

	var got []order
	parser := parse.JSONLines(iteratee.ForEach(func(_ context.Context, o order) error {
		if got = append(got, o); o.N == 3 {
			return errBoom
		}
		return nil
	}), 20)
	_, err := parse.Body(post(unsized("{\"n\":1}\n{\"n\":2}\nno\n"), lines), parser)
	statusIs(t, 400, err)
	assert.ErrorContains(t, err, "400 Bad Request: line 3")
	assert.Len(t, got, 2, "the lines before")
	_, err = parse.Body(post(unsized(`{"n":3}`), lines), parser)
	assert.Equal(t, errBoom, err)
	assert.PanicsWithValue(t, "httpadapter/parse: JSONLines: limit must be positive, got 0", func() { parse.JSONLines(iteratee.Ignore[any](), 0) })
}

func TestBytes(t *testing.T) {
	check(t, parse.Bytes(3), map[string]row[[]byte]{
		"some":    {"application/x-whatever", "\x00ab", []byte("\x00ab"), 0},
		"no type": {"", "ab", []byte("ab"), 0},
		"nothing": {"", "", nil, 0},
		"over it": {"", "abcd", nil, 413},
	})
}

func TestTolerant(t *testing.T) {
	check(t, parse.Tolerant(parse.JSON[order](30)), map[string]row[order]{
		"no type":      {"", `{"n":1}`, order{N: 1}, 0},
		"another type": {"text/plain", `{"n":1}`, order{N: 1}, 0},
		"no JSON":      {"", `{`, order{}, 400},
	})
	check(t, parse.Tolerant(parse.Text(10)), map[string]row[string]{
		"no type":         {"", "b\xe4r", "bär", 0},
		"the charset":     {"text/html; charset=utf-8", "bär", "bär", 0},
		"unknown charset": {"text/html; charset=klingon", "bär", "", 415},
	})
	check(t, parse.Tolerant(parse.Form(10)), map[string]row[url.Values]{"no type": {"", "a=1", url.Values{"a": {"1"}}, 0}})
}

func TestMaxLength(t *testing.T) {
	check(t, parse.MaxLength(iteratee.Consume[byte](), 3), map[string]row[[]byte]{
		"nothing":      {"", "", nil, 0},
		"at the limit": {"", "abc", []byte("abc"), 0},
		"over it":      {"", "abcd", nil, 413},
	})
	// A parser that is done at the limit is handed no more. The next one gets the bytes that it leaves
	// over, and those beyond the limit.
	two := iteratee.Cont(func(in iteratee.Input[[]byte]) iteratee.Iteratee[[]byte, string] {
		e, _ := in.El()
		return iteratee.Done(string(e[:1]), iteratee.El(e[1:]))
	})
	both := iteratee.FlatMap(parse.MaxLength(two, 2), func(first string) iteratee.Iteratee[[]byte, []string] {
		return iteratee.Map(iteratee.Consume[byte](), func(rest []byte) []string { return []string{first, string(rest)} })
	})
	got, err := parse.Body(post(strings.NewReader("abcd"), ""), both)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "bcd"}, got)
}

func TestLimitsMustNotBeNegative(t *testing.T) {
	for name, build := range map[string]func(){
		"Bytes":     func() { parse.Bytes(-1) },
		"Text":      func() { parse.Text(-1) },
		"JSON":      func() { parse.JSON[any](-1) },
		"Form":      func() { parse.Form(-1) },
		"MaxLength": func() { parse.MaxLength(iteratee.Consume[byte](), -1) },
	} {
		assert.PanicsWithValue(t, "httpadapter/parse: "+name+": limit must not be negative, got -1", build)
	}
}

// A body that is refused for its header or for its declared length is not read.
func TestRefusedBodiesAreNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		contentType string
		parser      iteratee.Iteratee[[]byte, string]
	}{
		"too long, text":  {"text/plain", parse.Text(4)},
		"too long, JSON":  {"application/json", parse.JSON[string](4)},
		"too long, bytes": {"", iteratee.Map(parse.Bytes(4), func([]byte) string { return "" })},
		"the wrong type":  {"text/html", parse.Text(10)},
		"using": {"", parse.Using(func(*http.Request) (it iteratee.Iteratee[[]byte, string], err error) {
			return it, &httpadapter.StatusError{Status: 403}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.NewReader("hello")
			_, err := parse.Body(post(body, c.contentType), c.parser)
			require.Error(t, err)
			assert.Equal(t, 5, body.Len())
		})
	}
}

func TestUsing(t *testing.T) {
	either := parse.Using(func(r *http.Request) (iteratee.Iteratee[[]byte, any], error) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "text/") {
			return iteratee.Map(parse.Text(10), func(s string) any { return s }), nil
		}
		return parse.JSON[any](10), nil
	})
	var wg sync.WaitGroup
	for range 10 { // a recipe
		for contentType, want := range map[string]any{"text/plain": "12", "application/json": 12.0} {
			wg.Go(func() {
				got, err := parse.Body(post(strings.NewReader("12"), contentType), either)
				assert.NoError(t, err)
				assert.Equal(t, want, got)
			})
		}
	}
	wg.Wait()

	_, err := enumerator.Run(t.Context(), enumerator.Of([]byte("12")), either)
	assert.EqualError(t, err, "httpadapter/parse: this parser needs a request: run it with Body or Action")
	assert.PanicsWithValue(t, "httpadapter/parse: Using: choose must not be nil", func() { parse.Using[any](nil) })
}

func TestParseTakesAnyIteratee(t *testing.T) {
	head, err := parse.Body(post(strings.NewReader("hello"), ""), iteratee.Head[[]byte]())
	require.NoError(t, err)
	assert.Equal(t, "hello", string(*head))
	_, err = parse.Body(post(strings.NewReader("hello"), ""), iteratee.Error[[]byte, int](errBoom, iteratee.Empty[[]byte]()))
	assert.Equal(t, errBoom, err)

	valid := iteratee.MapM(parse.JSON[order](100), func(_ context.Context, o order) (order, error) {
		if o.N < 1 {
			return o, &httpadapter.StatusError{Status: 422, Text: "n must be positive"}
		}
		return o, nil
	})
	_, err = parse.Body(post(strings.NewReader(`{"n":0}`), "application/json"), valid)
	statusIs(t, 422, err)
	assert.EqualError(t, err, "422 Unprocessable Entity: n must be positive")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	_, err = parse.Body(post(strings.NewReader(`{"n":1}`), "application/json").WithContext(ctx), valid)
	assert.ErrorIs(t, err, errBoom)
}

func ls(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestToFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "upload")
	file, err := parse.Body(post(iotest.OneByteReader(strings.NewReader("hello")), ""), parse.ToFile(name))
	require.NoError(t, err)
	assert.Equal(t, parse.SavedFile{Name: name, Size: 5}, file)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(content))

	_, err = parse.Body(post(strings.NewReader("again"), ""), parse.ToFile(name))
	assert.ErrorIs(t, err, fs.ErrExist)
	content, err = os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(content), "what is there stays")

	empty, err := parse.Body(post(strings.NewReader(""), ""), parse.ToFile(filepath.Join(dir, "empty")))
	require.NoError(t, err)
	assert.Zero(t, empty.Size)
	assert.Equal(t, []string{"empty", "upload"}, ls(t, dir))
	_, err = parse.Body(post(strings.NewReader(""), ""), parse.ToFile(filepath.Join(dir, "no", "folder")))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestToTempFile(t *testing.T) {
	dir := t.TempDir()
	save := parse.ToTempFile(dir)
	one, err := enumerator.Run(t.Context(), enumerator.Of([]byte("one")), save)
	require.NoError(t, err, "without a request")
	two, err := parse.Body(post(strings.NewReader("2"), ""), save)
	require.NoError(t, err)
	assert.NotEqual(t, one.Name, two.Name)
	assert.Len(t, ls(t, dir), 2)
	require.NoError(t, os.Remove(one.Name))
	require.NoError(t, os.Remove(two.Name))
}

// However a run ends, it leaves no incomplete file, and no file that its caller does not know of.
func TestFilesOfARunThatFails(t *testing.T) {
	dir := t.TempDir()
	save := parse.ToTempFile(dir)
	cut := io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := parse.Body(post(cut, ""), save)
	statusIs(t, 400, err)
	_, err = parse.Body(post(unsized("hello"), ""), parse.MaxLength(save, 4))
	statusIs(t, 413, err)

	complete := 0
	_, err = parse.Body(post(strings.NewReader("hello"), ""), iteratee.MapM(save, func(_ context.Context, f parse.SavedFile) (int, error) {
		complete = len(ls(t, dir))
		return 0, errBoom
	}))
	assert.Equal(t, errBoom, err)
	assert.Equal(t, 1, complete)
	assert.Panics(t, func() {
		_, _ = parse.Body(post(strings.NewReader("hello"), ""), iteratee.Map(save, func(f parse.SavedFile) int { panic("boom") }))
	})
	assert.Panics(t, func() {
		_, _ = enumerator.Run(t.Context(), enumerator.Of([]byte("a")).AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) { panic("boom") })), save)
	})
	assert.Empty(t, ls(t, dir))
}

// failing is a stream that fails at once.
func failing() enumerator.Enumerator[[]byte] {
	return enumerator.Defer(func(context.Context) (none enumerator.Enumerator[[]byte], err error) { return none, errBoom })
}

func TestAction(t *testing.T) {
	logged := probe.Logs(t)
	action := parse.Action(parse.JSON[order](100), func(w http.ResponseWriter, r *http.Request, o order) error {
		switch o.Item {
		case "status":
			return &httpadapter.StatusError{Status: 404, Text: "no such item", Err: errBoom}
		case "error":
			return errBoom
		case "late":
			w.WriteHeader(202)
			return errBoom
		case "later":
			_, _ = io.WriteString(w, "some")
			return errBoom
		case "flushed":
			require.NoError(t, http.NewResponseController(w).Flush())
			return errBoom
		case "hint":
			w.WriteHeader(http.StatusEarlyHints)
			return errBoom
		case "stream":
			return httpadapter.Serve(w, r, enumerator.Of([]byte("a"), []byte("b")))
		case "broken stream":
			return httpadapter.Serve(w, r, failing())
		}
		return json.NewEncoder(w).Encode(o)
	})
	srv := serve(t, action)
	for body, want := range map[string]struct {
		status int
		answer string
	}{
		`{"item":"tea","n":2}`:      {200, `{"item":"tea","n":2}` + "\n"},
		`{"item":"status"}`:         {404, "Not Found: no such item\n"},
		`{"item":"error"}`:          {500, "Internal Server Error\n"},
		`{"item":"late"}`:           {202, ""},
		`{"item":"later"}`:          {200, "some"},
		`{"item":"flushed"}`:        {200, ""},
		`{"item":"hint"}`:           {500, "Internal Server Error\n"},
		`{"item":"stream"}`:         {200, "ab"},
		`{"item":"broken stream"}`:  {500, "Internal Server Error\n"},
		`{"item":"password`:         {400, "Bad Request\n"},
		strings.Repeat(" ", 101):    {413, "Request Entity Too Large: the limit is 100 bytes\n"},
		`{"item":"tea","n":"many"}`: {400, "Bad Request\n"},
	} {
		res, err := http.Post(srv.URL, "application/json", strings.NewReader(body))
		require.NoError(t, err, body)
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err, body)
		res.Body.Close()
		assert.Equal(t, want.status, res.StatusCode, body)
		assert.Equal(t, want.answer, string(answer), body)
	}
	assert.Equal(t, 7, strings.Count(logged(), errBoom.Error()), logged())
	res, err := http.Post(srv.URL, "text/plain", strings.NewReader("{}"))
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, 415, res.StatusCode)

	answer := httptest.NewRecorder()
	action.ServeHTTP(struct{ http.ResponseWriter }{answer}, post(strings.NewReader(`{"item":"stream"}`), "application/json"))
	assert.Equal(t, 500, answer.Code, "a writer that hides flushing")
	assert.PanicsWithValue(t, "httpadapter/parse: Action: f must not be nil", func() { parse.Action[[]byte](parse.Bytes(1), nil) })
}

func FuzzParsersDoNotMindChunks(f *testing.F) {
	f.Add("application/json", []byte(`{"a":[1,2,{"b":null}]}`), uint8(3))
	f.Add("text/plain; charset=utf-8", []byte("bär\xff"), uint8(2))
	f.Add("text/plain; charset=utf-16", []byte("\xfe\xff\xd8\x00x"), uint8(1))
	f.Add("text/plain; charset=none", bytes.Repeat([]byte("a"), 41), uint8(4))
	f.Add("application/x-www-form-urlencoded", []byte("a=1&b=%zz"), uint8(4))
	f.Add("application/x-www-form-urlencoded; charset=none", bytes.Repeat([]byte("a"), 41), uint8(4))
	f.Fuzz(func(t *testing.T, contentType string, body []byte, size uint8) {
		same(t, parse.JSON[any](40), contentType, body, size)
		same(t, parse.Text(40), contentType, body, size)
		same(t, parse.Form(40), contentType, body, size)
		same(t, parse.Tolerant(parse.JSONLines(iteratee.Collect[any](), 10)), contentType, body, size)
		same(t, parse.MaxLength(iteratee.Consume[byte](), 10), contentType, body, size)
	})
}

// same checks that a parser ends in the same way with a body in one chunk and in chunks of size bytes.
func same[A any](t *testing.T, parser iteratee.Iteratee[[]byte, A], contentType string, body []byte, size uint8) {
	t.Helper()
	end := func(body io.Reader) (A, int) {
		a, err := parse.Body(post(body, contentType), parser)
		if err == nil {
			return a, 0
		}
		var e *httpadapter.StatusError
		require.ErrorAs(t, err, &e, "the fault is in what came")
		return a, e.Status
	}
	known, knownStatus := end(bytes.NewReader(body))
	whole, status := end(io.MultiReader(bytes.NewReader(body))) // whose length is not known
	cut, cutStatus := end(&reader{func(p []byte) (int, error) {
		n := copy(p[:min(len(p), int(size)+1)], body)
		if body = body[n:]; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}})
	assert.Equal(t, status, cutStatus)
	assert.Equal(t, whole, cut)
	if knownStatus != http.StatusRequestEntityTooLarge { // which what is wrong with a part can come before
		assert.Equal(t, status, knownStatus)
		assert.Equal(t, whole, known)
	}
}
