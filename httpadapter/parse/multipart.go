package parse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

const (
	maxParts      = 1000     // of a form, as in net/http
	maxPartHeader = 8 << 10  // bytes of names and values in the header of a part
	maxPartFields = 32       // in the header of a part, each of which takes more memory than its bytes
	maxPartHead   = 64 << 10 // bytes between two parts, which are read to find the header
	maxBoundary   = 70       // bytes, by RFC 2046
	fileChunk     = 32 << 10 // bytes of the largest chunk of a file
)

// A MultipartForm is the result of [Multipart]: the values of the form, and the results of its files
// in the order in which the files came.
type MultipartForm[A any] struct {
	Values url.Values
	Files  []FormFile[A]
}

// A FormFile is the result of one file of a form.
type FormFile[A any] struct {
	FilePart
	Result A
}

// A FilePart is the head of a file in a form. The client can put anything into it.
type FilePart struct {
	Field  string // of the form
	Name   string // of the file, without folders
	Header textproto.MIMEHeader
}

// Multipart returns the parser of a multipart/form-data body. It calls file with the head of each
// file, and runs the Iteratee that file returns over the content of the file as it arrives.
// [ToTempFile] is such an Iteratee. Multipart itself keeps no file in memory. [NoFiles] refuses files.
//
// If the Iteratee is done before its file ends, Multipart skips the rest of the file. An error of file
// or of the Iteratee ends the run. A part with an empty file name is left out: a browser sends it for
// an input in which nothing was chosen.
//
// A body that exceeds one of these limits is a 413:
//
//	names and values of the form together   limit bytes
//	parts                                   1000
//	the header of a part                    32 fields, 8 KiB of names and values
//	a file                                  none; use MaxLength
//	the body                                none; use httpadapter.MaxBytes
//
// Another media type is a 415. These are a 400: a boundary that is missing or longer than 70 bytes, a
// part that is not form-data or has no name, a file name that names only a folder, and a body that
// ends before its last boundary.
//
// Multipart panics if limit is negative or file is nil.
//
// Play calls it parse.multipartFormData with a PartHandler. There, values that are too long, and the
// last part of a body that is cut short, are left out.
func Multipart[A any](limit int64, file func(FilePart) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, MultipartForm[A]] {
	check.NotNegative("httpadapter/parse: Multipart: limit", limit)
	if file == nil {
		panic("httpadapter/parse: Multipart: file must not be nil; NoFiles refuses files")
	}
	const mediaType = "multipart/form-data"
	return ofType(only(mediaType), mediaType, func(_ *http.Request, params map[string]string) (parser iteratee.Iteratee[[]byte, MultipartForm[A]], err error) {
		boundary := params["boundary"]
		if boundary == "" || len(boundary) > maxBoundary {
			return parser, badRequest("no valid boundary", nil)
		}
		return iteratee.Read(func(ctx context.Context, r io.Reader) (MultipartForm[A], error) {
			f := &formReader[A]{file: file, limit: limit, left: limit, boundary: boundary, body: &headReader{r: r}}
			f.parts = multipart.NewReader(f.body, boundary)
			return f.read(ctx)
		}), nil
	})
}

// NoFiles is a function for [Multipart] that answers a file with a 415.
func NoFiles(part FilePart) (consumer iteratee.Iteratee[[]byte, struct{}], err error) {
	return consumer, unsupported("files are not expected", nil)
}

// formReader reads one form.
type formReader[A any] struct {
	file        func(FilePart) (iteratee.Iteratee[[]byte, A], error)
	limit, left int64 // of names and values, in bytes
	boundary    string
	body        *headReader
	parts       *multipart.Reader
	form        MultipartForm[A]
}

func (f *formReader[A]) read(ctx context.Context) (MultipartForm[A], error) {
	f.form.Values = url.Values{}
	for n := 0; ; n++ {
		part, err := f.next()
		if err == io.EOF {
			break
		}
		if err == nil && n == maxParts {
			err = tooLarge(fmt.Sprintf("the limit is %d parts", maxParts), nil)
		}
		if err == nil {
			err = f.part(ctx, part)
		}
		if err != nil {
			return MultipartForm[A]{}, err
		}
	}
	_, err := io.Copy(io.Discard, f.body) // to notice a body that is cut short after its last boundary
	return f.form, err
}

// next skips the rest of the part before, and returns the next part.
func (f *formReader[A]) next() (*multipart.Part, error) {
	f.body.left = maxPartHead
	f.body.limited = true
	defer func() { f.body.limited = false }()
	part, err := f.parts.NextPart()
	switch {
	case err == io.EOF && f.body.cut("--"+f.boundary+"--"):
		return nil, asBadRequest(io.ErrUnexpectedEOF)
	case err == io.EOF:
		return nil, err
	case f.body.left <= 0, errors.Is(err, multipart.ErrMessageTooLarge):
		return nil, errHeadTooLarge // err depends on where the head was cut
	case err != nil:
		return nil, asBadRequest(err)
	}
	size, fields := 0, 0
	for name, values := range part.Header {
		for _, value := range values {
			size += len(name) + len(value)
			fields++
		}
	}
	if size > maxPartHeader || fields > maxPartFields {
		return nil, errHeadTooLarge
	}
	return part, nil
}

var errHeadTooLarge = tooLarge("the header of a part is too large", nil)

// part reads one part to its end.
func (f *formReader[A]) part(ctx context.Context, part *multipart.Part) error {
	content := badRequestReader{part}
	disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name, fileName := params["name"], params["filename"]
	_, isFile := params["filename"]
	switch {
	case err != nil || disposition != "form-data":
		return badRequest("a part is not form-data", err)
	case name == "":
		return badRequest("a part has no name", nil)
	case !isFile:
		if err := f.value(name, content); err != nil {
			return err
		}
	case fileName != "":
		base := fileName[strings.LastIndexAny(fileName, `/\`)+1:] // some browsers send a path
		if base == "" || base == "." || base == ".." {
			return badRequest("a file has no name", nil)
		}
		consumer, err := f.file(FilePart{Field: name, Name: base, Header: part.Header})
		if err != nil {
			return err
		}
		result, err := enumerator.Run(ctx, enumerator.FromReader(content, fileChunk), consumer)
		if err != nil {
			return err
		}
		f.form.Files = append(f.form.Files, FormFile[A]{FilePart{name, base, part.Header}, result})
	}
	_, err = io.Copy(io.Discard, content)
	return err
}

func (f *formReader[A]) value(name string, content io.Reader) error {
	f.left -= int64(len(name))
	value, err := io.ReadAll(io.LimitReader(content, max(f.left, 0)+1))
	if err != nil {
		return err
	}
	if f.left -= int64(len(value)); f.left < 0 {
		return tooLong(f.limit)
	}
	f.form.Values.Add(name, string(value))
	return nil
}

// headReader stands between the body and mime/multipart, which accepts 10 MB between two parts, and
// which takes a body that is cut within the header of a part for a complete one.
type headReader struct {
	r       io.Reader
	left    int  // how many bytes may still be read before the next part, if limited
	limited bool // the next part is being looked for
	eof     bool
	tail    []byte // the last bytes that were read
}

func (h *headReader) Read(p []byte) (int, error) {
	if h.limited && h.left <= 0 {
		return 0, errHeadTooLarge
	}
	n, err := h.r.Read(p)
	h.left -= n
	h.eof = err == io.EOF
	const enough = 2 * maxBoundary
	h.tail = append(h.tail, p[max(0, n-enough):n]...)
	h.tail = append(h.tail[:0], h.tail[max(0, len(h.tail)-enough):]...)
	return n, err
}

// cut reports whether the body was read to its end and does not end with the line last. mime/multipart
// reads nothing beyond that line before it has found it.
func (h *headReader) cut(last string) bool {
	end := bytes.TrimRight(h.tail, " \t\r\n")
	line := end[bytes.LastIndexByte(end, '\n')+1:]
	return h.eof && string(line) != last
}

// badRequestReader gives the errors of a part status 400.
type badRequestReader struct{ r io.Reader }

func (b badRequestReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = asBadRequest(err)
	}
	return n, err
}
