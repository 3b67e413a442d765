package parse_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

const formType = "multipart/form-data; boundary=XX"

// form is a body of parts; each is its head and its content. Line ends become CRLF.
func form(parts ...[2]string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--XX\r\n%s\r\n\r\n%s\r\n", strings.ReplaceAll(p[0], "\n", "\r\n"), p[1])
	}
	return b.String() + "--XX--\r\n"
}

func value(name, content string) [2]string {
	return [2]string{`Content-Disposition: form-data; name="` + name + `"`, content}
}

func file(field, name, content string) [2]string {
	return [2]string{`Content-Disposition: form-data; name="` + field + `"; filename="` + name + "\"\nContent-Type: text/plain", content}
}

// inText keeps a file in memory.
func inText(parse.FilePart) (iteratee.Iteratee[[]byte, string], error) {
	return iteratee.Map(iteratee.Consume[byte](), func(b []byte) string { return string(b) }), nil
}

// short is a form without the headers of the files.
type short struct {
	values url.Values
	files  []string
}

func shortly(f parse.MultipartForm[string]) short {
	s := short{values: f.Values}
	for _, file := range f.Files {
		s.files = append(s.files, file.Field+" "+file.Name+" "+file.Result)
	}
	return s
}

func TestMultipart(t *testing.T) {
	some := form(value("a", "1"), file("f", "x.txt", "hello"), value("b", ""), value("a", "2\r\n--X"), file("g", "y", ""))
	check(t, iteratee.Map(parse.Multipart(20, inText), shortly), map[string]row[short]{
		"some":              {formType, some, short{url.Values{"a": {"1", "2\r\n--X"}, "b": {""}}, []string{"f x.txt hello", "g y "}}, 0},
		"nothing":           {formType, form(), short{values: url.Values{}}, 0},
		"around it":         {formType, "before\r\n" + some + "after", short{url.Values{"a": {"1", "2\r\n--X"}, "b": {""}}, []string{"f x.txt hello", "g y "}}, 0},
		"no last line end":  {formType, strings.TrimSuffix(form(value("a", "1")), "\r\n"), short{values: url.Values{"a": {"1"}}}, 0},
		"bare line feeds":   {formType, strings.ReplaceAll(form(value("a", "1")), "\r", ""), short{values: url.Values{"a": {"1"}}}, 0},
		"a path":            {formType, form(file("f", `C:\Users\me\x.txt`, "1"), file("f", "/etc/passwd", "2")), short{url.Values{}, []string{"f x.txt 1", "f passwd 2"}}, 0},
		"UTF-8":             {formType, form(value("ä", "ö"), file("f", "ü", "")), short{url.Values{"ä": {"ö"}}, []string{"f ü "}}, 0},
		"an encoded name":   {formType, form([2]string{`Content-Disposition: form-data; name=f; filename*=UTF-8''%C3%BC`, "1"}), short{url.Values{}, []string{"f ü 1"}}, 0},
		"a colon":           {formType, form([2]string{"Content-Disposition: form-data; name=\"a:b\"\nX: y:z", "1"}), short{values: url.Values{"a:b": {"1"}}}, 0},
		"nothing chosen":    {formType, form(file("f", "", ""), value("a", "1")), short{values: url.Values{"a": {"1"}}}, 0},
		"as many values":    {formType, form(value("a", strings.Repeat("x", 19))), short{values: url.Values{"a": {strings.Repeat("x", 19)}}}, 0},
		"a value too much":  {formType, form(value("a", strings.Repeat("x", 20))), short{}, 413},
		"a name too much":   {formType, form(value(strings.Repeat("x", 21), "")), short{}, 413},
		"many values":       {formType, form(value("a", "0123456789"), value("b", "0123456789")), short{}, 413},
		"another type":      {"multipart/mixed; boundary=XX", some, short{}, 415},
		"no boundary":       {"multipart/form-data", some, short{}, 400},
		"a long boundary":   {"multipart/form-data; boundary=" + strings.Repeat("X", 71), some, short{}, 400},
		"another boundary":  {"multipart/form-data; boundary=YY", some, short{}, 400},
		"no body":           {formType, "", short{}, 400},
		"no form-data":      {formType, form([2]string{`Content-Disposition: attachment; name="a"`, "1"}), short{}, 400},
		"no disposition":    {formType, form([2]string{"X: y", "1"}), short{}, 400},
		"a bad disposition": {formType, form([2]string{`Content-Disposition: form-data; name=a; name=b`, "1"}), short{}, 400},
		"no name":           {formType, form([2]string{"Content-Disposition: form-data", "1"}), short{}, 400},
		"no file name":      {formType, form(file("f", "..", "1")), short{}, 400},
		"a folder":          {formType, form(file("f", "x/", "1")), short{}, 400},
		"no header":         {formType, "--XX\r\nwhatever\r\n\r\n1\r\n--XX--\r\n", short{}, 400},
	})
}

// A form that is cut anywhere is an error, and none of its files stays.
func TestMultipartThatIsCutShort(t *testing.T) {
	body := form(value("a", "1"), file("f", "x.txt", "hello"), file("f", "y.txt", "again"))
	dir := t.TempDir()
	parser := parse.Multipart(100, func(parse.FilePart) (iteratee.Iteratee[[]byte, parse.SavedFile], error) {
		return parse.ToTempFile(dir), nil
	})
	for n := range len(body) - 2 { // after the last boundary there may be anything
		_, err := parse.Body(post(strings.NewReader(body[:n]), formType), parser)
		statusIs(t, 400, err)
		_, err = parse.Body(post(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)), formType), parser)
		statusIs(t, 400, err)
		require.Empty(t, ls(t, dir), n)
	}
	_, err := parse.Body(post(io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)), formType), parser)
	statusIs(t, 400, err)
	require.Empty(t, ls(t, dir), "a body that is cut after the last boundary")

	saved, err := parse.Body(post(strings.NewReader(body), formType), parser)
	require.NoError(t, err)
	require.Len(t, saved.Files, 2)
	content, err := os.ReadFile(saved.Files[1].Result.Name)
	require.NoError(t, err)
	assert.Equal(t, "again", string(content))
}

// Each bomb is refused after a small part of it was read.
func TestMultipartBombs(t *testing.T) {
	endless := func(s string) io.Reader {
		return &reader{func(p []byte) (int, error) { return copy(p, s), nil }}
	}
	head := "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n"
	for name, c := range map[string]struct {
		body   io.Reader
		status int
		read   int
	}{
		"parts":                 {endless(head + "\r\n\r\n"), 413, 200 << 10},
		"a value":               {io.MultiReader(strings.NewReader(head+"\r\n"), endless("x")), 413, 110 << 10},
		"headers":               {io.MultiReader(strings.NewReader(head), endless("x: y\r\n")), 413, 110 << 10},
		"a header's name":       {io.MultiReader(strings.NewReader(head), endless("x")), 413, 110 << 10},
		"a header's value":      {io.MultiReader(strings.NewReader(head+"x:"), endless("y")), 413, 110 << 10},
		"a header that goes on": {io.MultiReader(strings.NewReader(head+"x: y\r\n"), endless(" y\r\n")), 413, 110 << 10},
		"white space":           {io.MultiReader(strings.NewReader(head+"x:"), endless(" ")), 413, 110 << 10},
		"a preamble":            {endless("x\r\n"), 413, 110 << 10},
		"a line before it":      {endless("x"), 400, 40 << 10},
		"after a boundary":      {io.MultiReader(strings.NewReader("--XX"), endless(" ")), 400, 40 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			read := 0
			counting := &reader{func(p []byte) (int, error) {
				n, err := c.body.Read(p)
				read += n
				return n, err
			}}
			_, err := parse.Body(post(counting, formType), parse.Multipart(parse.DefaultMax, inText))
			statusIs(t, c.status, err)
			assert.LessOrEqual(t, read, c.read)
		})
	}

	parts := make([][2]string, 1001)
	for i := range parts {
		parts[i] = value("a", "")
	}
	_, err := parse.Body(post(strings.NewReader(form(parts...)), formType), parse.Multipart(parse.DefaultMax, inText))
	statusIs(t, 413, err)
	_, err = parse.Body(post(strings.NewReader(form(parts[1:]...)), formType), parse.Multipart(parse.DefaultMax, inText))
	require.NoError(t, err)

	const most = 8<<10 - len("Content-Disposition"+`form-data; name="a"`+"X")
	for more, status := range []int{0, 413} {
		part := [2]string{value("a", "")[0] + "\nX: " + strings.Repeat("y", most+more), "1"}
		_, err = parse.Body(post(strings.NewReader(form(part)), formType), parse.Multipart(parse.DefaultMax, inText))
		statusIs(t, status, err)
	}
}

// The headers of all files stay in memory, where a field without a value takes twenty times its bytes.
func TestMultipartFieldsOfAHeader(t *testing.T) {
	for fields, status := range map[int]int{32: 0, 33: 413} {
		part := file("f", "x.txt", "")
		for i := range fields - 2 { // two are there
			part[0] += fmt.Sprintf("\nX%d:", i)
		}
		_, err := parse.Body(post(strings.NewReader(form(part)), formType), parse.Multipart(parse.DefaultMax, inText))
		statusIs(t, status, err)
	}
}

func TestMultipartFiles(t *testing.T) {
	body := form(file("f", "x.txt", "hello"), value("a", "1"), file("f", "y.txt", strings.Repeat("y", 100_000)), value("b", "2"))
	type heads = []parse.FilePart
	var seen heads
	done, err := parse.Body(post(unsized(body), formType), parse.Multipart(100, func(p parse.FilePart) (iteratee.Iteratee[[]byte, *[]byte], error) {
		seen = append(seen, p)
		return iteratee.Head[[]byte](), nil
	}))
	require.NoError(t, err)
	assert.Equal(t, url.Values{"a": {"1"}, "b": {"2"}}, done.Values, "an Iteratee that is done skips the rest of the file only")
	assert.Equal(t, "hello", string(*done.Files[0].Result))
	header := func(name string) textproto.MIMEHeader {
		return textproto.MIMEHeader{"Content-Disposition": {`form-data; name="f"; filename="` + name + `"`}, "Content-Type": {"text/plain"}}
	}
	assert.Equal(t, heads{{"f", "x.txt", header("x.txt")}, {"f", "y.txt", header("y.txt")}}, seen)
	assert.Equal(t, seen[1], done.Files[1].FilePart)

	_, err = parse.Body(post(unsized(body), formType), parse.Multipart(100, func(p parse.FilePart) (iteratee.Iteratee[[]byte, string], error) {
		it, err := inText(p)
		return parse.MaxLength(it, 10), err
	}))
	statusIs(t, 413, err)
	for name, it := range map[string]iteratee.Iteratee[[]byte, string]{
		"at once": iteratee.Error[[]byte, string](errBoom, iteratee.Empty[[]byte]()),
		"later":   iteratee.FoldM("", func(context.Context, string, []byte) (string, error) { return "", errBoom }),
	} {
		_, err = parse.Body(post(unsized(body), formType), parse.Multipart(100, func(parse.FilePart) (iteratee.Iteratee[[]byte, string], error) { return it, nil }))
		assert.Equal(t, errBoom, err, name)
	}
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = parse.Body(post(unsized(body), formType), parse.Multipart(100, func(parse.FilePart) (iteratee.Iteratee[[]byte, string], error) { panic("boom") }))
	})

	_, err = parse.Body(post(unsized(body), formType), parse.Multipart(100, parse.NoFiles))
	statusIs(t, 415, err)
	values, err := parse.Body(post(unsized(form(value("a", "1"))), formType), parse.Multipart(100, parse.NoFiles))
	require.NoError(t, err)
	assert.Equal(t, url.Values{"a": {"1"}}, values.Values)

	assert.PanicsWithValue(t, "httpadapter/parse: Multipart: limit must not be negative, got -1", func() { parse.Multipart(-1, inText) })
	assert.PanicsWithValue(t, "httpadapter/parse: Multipart: file must not be nil; NoFiles refuses files", func() { parse.Multipart[int](1, nil) })
}

// The Iteratee of a file gets a chunk before the next one is asked for.
func TestMultipartHasBackpressure(t *testing.T) {
	body := form(file("f", "x", strings.Repeat("x", 1<<20)))
	sent, got := 0, 0
	src := &reader{func(p []byte) (int, error) {
		n := copy(p, body[sent:])
		sent += n
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}}
	_, err := parse.Body(post(src, formType), parse.Multipart(100, func(parse.FilePart) (iteratee.Iteratee[[]byte, int], error) {
		return iteratee.Fold(0, func(n int, chunk []byte) int {
			got += len(chunk)
			assert.Less(t, sent-got, 64<<10)
			return n + len(chunk)
		}), nil
	}))
	require.NoError(t, err)
	assert.Equal(t, 1<<20, got)
}

// However the run ends, the reader of the form ends with it. TestMain looks for goroutines.
func TestMultipartThatIsStopped(t *testing.T) {
	body := form(value("a", "1"), file("f", "x", strings.Repeat("x", 100_000)))
	dir := t.TempDir()
	parser := parse.Multipart(100, func(parse.FilePart) (iteratee.Iteratee[[]byte, parse.SavedFile], error) {
		return parse.ToTempFile(dir), nil
	})
	for _, n := range []int{0, 10, 100, 1000, 50_000} {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := post(io.MultiReader(strings.NewReader(body[:n]), &reader{func(p []byte) (int, error) {
			cancel(errBoom)
			return 0, nil
		}}), formType).WithContext(ctx)
		_, err := parse.Body(r, parser)
		assert.ErrorIs(t, err, errBoom)
		assert.Empty(t, ls(t, dir))
	}
}

// The memory for an upload to a file does not grow with the upload.
func TestMultipartOfAClient(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	var most uint64
	srv := serve(t, parse.Action(
		parse.Multipart(parse.DefaultMax, func(p parse.FilePart) (iteratee.Iteratee[[]byte, parse.SavedFile], error) {
			return parse.ToFile(filepath.Join(dir, p.Name)), nil
		}),
		func(w http.ResponseWriter, r *http.Request, f parse.MultipartForm[parse.SavedFile]) error {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = m.HeapAlloc
			_, err := fmt.Fprintf(w, "%s %s %d", f.Values.Get("title"), f.Files[0].Name, f.Files[0].Result.Size)
			return err
		}))
	body, pipe := io.Pipe()
	w := multipart.NewWriter(pipe)
	sum := sha256.New()
	go func() {
		defer pipe.Close()
		assert.NoError(t, w.WriteField("title", "zeros"))
		f, err := w.CreateFormFile("f", "zeros.bin")
		if assert.NoError(t, err) {
			_, err = io.CopyN(io.MultiWriter(f, sum), endlessZeros{}, size)
			assert.NoError(t, err)
		}
		assert.NoError(t, w.Close())
	}()
	res, err := srv.Client().Post(srv.URL, w.FormDataContentType(), body)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("zeros zeros.bin %d", size), string(text))
	assert.Less(t, most, uint64(size/2))

	saved, err := os.Open(filepath.Join(dir, "zeros.bin"))
	require.NoError(t, err)
	defer saved.Close()
	got := sha256.New()
	_, err = io.Copy(got, saved)
	require.NoError(t, err)
	assert.Equal(t, hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(got.Sum(nil)))
}

type endlessZeros struct{}

func (endlessZeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func FuzzMultipartDoesNotMindChunks(f *testing.F) {
	f.Add([]byte(form(value("a", "1"), file("f", "x.txt", "hello"))), uint8(3))
	f.Add([]byte(form(file("f", "", ""))+"--XX"), uint8(0))
	f.Add([]byte("\r\n--XX\nContent-Disposition: form-data; name=a\n\n1\n--XX--"), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, size uint8) {
		if bytes.Count(body, []byte("\n")) > 10_000 || len(body) > maxFuzzed {
			t.Skip("what is too large is refused after reading more or less of it")
		}
		same(t, iteratee.Map(parse.Multipart(20, inText), shortly), formType, body, size)
	})
}

const maxFuzzed = 60 << 10
