package httpadapter

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
	"github.com/halley-go/halley/iteratee"
)

const (
	maxParts      = 1000     // of a form, as in net/http
	maxPartHeader = 8 << 10  // in names and values
	maxPartFields = 32       // in a header, each of which takes more memory than its bytes
	maxPartHead   = 64 << 10 // in all that stands between two parts, which is read to find that
	maxBoundary   = 70       // by RFC 2046
)

// A MultipartForm is what [Multipart] ends with: the values, and what was made of each
// file, in the order in which they came.
type MultipartForm[A any] struct {
	Values url.Values
	Files  []FormFile[A]
}

// A FormFile is what was made of one file of a form.
type FormFile[A any] struct {
	FilePart
	Result A
}

// A FilePart is the head of a file in a form. All of it is the client's word.
type FilePart struct {
	Field  string // of the form
	Name   string // of the file, without folders
	Header textproto.MIMEHeader
}

// Multipart returns the parser of a multipart/form-data body. file is called with the head
// of each file and returns the Iteratee that its content goes to as it arrives, such as
// [ToTempFile]; no file is kept in memory. If that is done before the file ends, the rest
// of the file is skipped; if it or file fails, so does the run. [NoFiles] refuses files.
//
// These are the limits. More is a 413:
//
//	names and values of the form together   max bytes
//	parts                                   1000
//	the header of a part                    32 fields, 8 KiB in names and values
//	a file                                  none: MaxLength sets one, MaxBytes one for all
//
// Another media type is a 415. A 400 is a boundary that is missing or longer than 70
// bytes, a part without a name, one that is no form-data, a file name that names a folder
// only, and a body that does not come to its last boundary. A part whose file name is
// empty stands for an input in which nothing was chosen, and is left out.
//
// It panics if max is negative or file is nil.
//
// It is Play's parse.multipartFormData with a PartHandler. There, values that are too long
// are left out, and so is the last part of a body that is cut short.
func Multipart[A any](max int64, file func(FilePart) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, MultipartForm[A]] {
	checkMax("Multipart", max)
	if file == nil {
		panic("httpadapter: Multipart: file must not be nil; NoFiles refuses files")
	}
	const mediaType = "multipart/form-data"
	return ofType(only(mediaType), mediaType, func(_ *http.Request, params map[string]string) (it iteratee.Iteratee[[]byte, MultipartForm[A]], err error) {
		boundary := params["boundary"]
		if boundary == "" || len(boundary) > maxBoundary {
			return it, &StatusError{Status: http.StatusBadRequest, Text: "no valid boundary"}
		}
		return reading(func(ctx context.Context, r io.Reader) (MultipartForm[A], error) {
			f := &formReader[A]{file: file, max: max, left: max, boundary: boundary, body: &headReader{r: r}}
			f.parts = multipart.NewReader(f.body, boundary)
			return f.read(ctx)
		}), nil
	})
}

// NoFiles is for [Multipart]: a file is a 415.
func NoFiles(part FilePart) (it iteratee.Iteratee[[]byte, struct{}], err error) {
	return it, &StatusError{Status: http.StatusUnsupportedMediaType, Text: "files are not expected"}
}

// formReader reads one form.
type formReader[A any] struct {
	file      func(FilePart) (iteratee.Iteratee[[]byte, A], error)
	max, left int64 // of names and values
	boundary  string
	body      *headReader
	parts     *multipart.Reader
	form      MultipartForm[A]
}

func (f *formReader[A]) read(ctx context.Context) (MultipartForm[A], error) {
	f.form.Values = url.Values{}
	for n := 0; ; n++ {
		part, err := f.next()
		if err == io.EOF {
			break
		}
		if err == nil && n == maxParts {
			err = &StatusError{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the limit is %d parts", maxParts)}
		}
		if err == nil {
			err = f.part(ctx, part)
		}
		if err != nil {
			return MultipartForm[A]{}, err
		}
	}
	_, err := io.Copy(io.Discard, f.body) // to the end, or a body that is cut after this would do
	return f.form, err
}

// next returns the next part, after what is left of the one before.
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
		return nil, errHeadTooLarge // whatever it makes of what it has got of it
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

var errHeadTooLarge = &StatusError{Status: http.StatusRequestEntityTooLarge, Text: "the header of a part is too large"}

// part reads one part to its end.
func (f *formReader[A]) part(ctx context.Context, part *multipart.Part) error {
	content := badRequestReader{part}
	disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name, fileName := params["name"], params["filename"]
	_, isFile := params["filename"]
	switch {
	case err != nil || disposition != "form-data":
		return &StatusError{Status: http.StatusBadRequest, Text: "a part is no form-data", Err: err}
	case name == "":
		return &StatusError{Status: http.StatusBadRequest, Text: "a part has no name"}
	case !isFile:
		if err := f.value(name, content); err != nil {
			return err
		}
	case fileName != "":
		base := fileName[strings.LastIndexAny(fileName, `/\`)+1:] // some browsers send a path
		if base == "" || base == "." || base == ".." {
			return &StatusError{Status: http.StatusBadRequest, Text: "a file has no name"}
		}
		it, err := f.file(FilePart{Field: name, Name: base, Header: part.Header})
		if err != nil {
			return err
		}
		result, err := enumerator.Run(ctx, enumerator.FromReader(content, bodyChunk), it)
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
		return tooLarge(f.max)
	}
	f.form.Values.Add(name, string(value))
	return nil
}

// headReader is between the body and mime/multipart, and looks after two things: that would
// take 10 MB between two parts, and it takes a body that is cut within the header of a part
// for one that has ended.
type headReader struct {
	r       io.Reader
	left    int
	limited bool
	eof     bool
	tail    []byte // the last bytes
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

// cut reports whether the body is read to its end, and that is not the line last. What
// follows that line is not read before mime/multipart has found it.
func (h *headReader) cut(last string) bool {
	end := bytes.TrimRight(h.tail, " \t\r\n")
	line := end[bytes.LastIndexByte(end, '\n')+1:]
	return h.eof && string(line) != last
}

// badRequestReader gives the errors of a part their status.
type badRequestReader struct{ r io.Reader }

func (b badRequestReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = asBadRequest(err)
	}
	return n, err
}
