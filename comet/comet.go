package comet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// ContentType is the content type of a page of script chunks.
const ContentType = "text/html; charset=utf-8"

// String returns the adapter that makes a script chunk of each message: a call of
// callback with the message as a single-quoted string. It is [Messages] with
// [AppendString].
//
// Play calls it Comet.string, and drops control characters instead of escaping them.
func String(callback string, opts ...Option) enumeratee.Enumeratee[string, []byte] {
	return scripts("String", callback, AppendString, opts)
}

// JSON returns the adapter that makes a script chunk of each message of any type that
// encoding/json can marshal. The callback gets the value that JSON.parse would return for
// the JSON of the message. A message that is a [Marshaler] encodes itself instead. JSON is
// [Messages] with [AppendJSON].
//
// Play calls it Comet.json, where a message can end the script element.
func JSON[E any](callback string, opts ...Option) enumeratee.Enumeratee[E, []byte] {
	return scripts("JSON", callback, AppendJSON[E], opts)
}

// Messages returns the adapter that makes a script chunk of each message with a custom
// encoder. encode appends the arguments of the call to dst, as JavaScript, and returns the
// extended slice. It must not keep dst. [AppendString] and [AppendJSON] are encoders, and
// others can be built from them. [WithPosition] adds the position in the stream.
//
// The first chunk is sent when the adapter is attached; see [Preamble]. An error of encode
// ends the run, wrapped. A text that contains <!--, <script or </script in upper or lower
// case also ends the run with an error, since it could make an HTML parser leave the script
// element or miss its end. Any other text is trusted.
//
// [Recover] continues after a message that fails, and sends clients a gap in its place. To drop
// messages that fail and have no Position, put [enumeratee.Recover] around an adapter with an empty
// [Preamble], and [enumeratee.Heading] with the first chunk behind the result.
//
// If the consumer leaves over a chunk, the message of that chunk is left over. Messages
// panics if encode is nil, or if callback is not a dotted path of JavaScript identifiers,
// the first of which must not be a reserved word.
//
// Play calls it Comet.flow, or Comet with a CometMessage, and does not check the text.
func Messages[E any](callback string, encode func(dst []byte, e E) ([]byte, error), opts ...Option) enumeratee.Enumeratee[E, []byte] {
	if encode == nil {
		panic("comet: Messages: encode must not be nil")
	}
	return scripts("Messages", callback, encode, opts)
}

// An Option changes the chunks of [String], [JSON], [Messages], [NewSocket] and
// [Heartbeat]. If an option is given more than once, the last one counts.
type Option func(*page)

type page struct {
	nonce, preamble string
	remove          bool
}

var validNonce = regexp.MustCompile(`^([A-Za-z0-9+/_-]+={0,2})?$`)

// Nonce puts a nonce attribute on every script element, so that a
// Content-Security-Policy can allow these scripts only. A nonce is for one response:
// make a new nonce and a new adapter for each. The empty nonce adds no attribute. Nonce
// panics if nonce is not a base64-value of CSP: letters, digits and + / - _, then at most
// two equals signs.
//
// Play calls it nonce, and does not check it.
func Nonce(nonce string) Option {
	if !validNonce.MatchString(nonce) {
		panic(fmt.Sprintf("comet: Nonce: nonce must be base64 text as in a Content-Security-Policy, got %q", nonce))
	}
	return func(p *page) { p.nonce = nonce }
}

// DefaultPreamble is the first chunk of a page unless [Preamble] replaces it: 5120 spaces
// and <html><body>. The spaces are for browsers that do not process a page until they have
// received enough of it.
//
// Play calls it Comet.initialHtmlChunk.
const DefaultPreamble = spaces1280 + spaces1280 + spaces1280 + spaces1280 + "<html><body>"

const (
	spaces1280 = spaces320 + spaces320 + spaces320 + spaces320
	spaces320  = spaces80 + spaces80 + spaces80 + spaces80
	spaces80   = "                                                                                "
)

// Preamble replaces the first chunk, which is [DefaultPreamble] otherwise. html is sent
// unchanged, so it must not contain text from untrusted sources. If html is empty, nothing is
// sent before the first message.
//
// Play calls it initialChunk.
func Preamble(html string) Option {
	return func(p *page) { p.preamble = html }
}

// RemoveScripts makes each script element remove itself from the page, so that the page does not
// grow with every message. The element does so before it calls the callback, which may throw. By
// default the elements stay in the page, as in Play.
func RemoveScripts() Option {
	return func(p *page) { p.remove = true }
}

// open returns the part of a script chunk before the arguments of the call.
func (p page) open(callback string) string {
	open := "<script>"
	if p.nonce != "" {
		open = `<script nonce="` + p.nonce + `">`
	}
	if p.remove {
		open += "document.currentScript.remove();"
	}
	return open + callback + "("
}

const end = ");</script>"

// Heartbeat returns a chunk for httpadapter.Heartbeat that calls callback without arguments.
// It tells the page that the stream is alive. A line end would keep the connection open as
// well, but a script cannot notice it. [Nonce] and [RemoveScripts] are the only options that
// matter. Heartbeat panics if callback is not valid for [Messages].
func Heartbeat(callback string, opts ...Option) []byte {
	checkCallback("Heartbeat", callback)
	var p page
	for _, opt := range opts {
		opt(&p)
	}
	return []byte(p.open(callback) + end)
}

// maxScratch is the size of the largest buffer that is kept for the next message.
const maxScratch = 64 << 10

// scripts returns the adapter that sends the first chunk, then a call of callback with the
// text of each message. function is the name for panics and errors.
func scripts[E any](function, callback string, encode func([]byte, E) ([]byte, error), opts []Option) enumeratee.Enumeratee[E, []byte] {
	checkCallback(function, callback)
	p := page{preamble: DefaultPreamble}
	for _, opt := range opts {
		opt(&p)
	}
	open, end := []byte(p.open(callback)), []byte(end)
	messages := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, []byte], error) {
		var scratch []byte // belongs to this attachment
		return enumeratee.MapM(func(_ context.Context, e E) ([]byte, error) {
			text, err := encode(scratch[:0], e)
			if err == nil {
				err = checkText(text)
			}
			if err != nil {
				return nil, fmt.Errorf("comet: %s: %w", function, err)
			}
			if cap(text) <= maxScratch {
				scratch = text
			}
			return slices.Concat(open, text, end), nil
		}), nil
	})
	if p.preamble == "" {
		return messages
	}
	return enumeratee.Compose(messages, heading(p.preamble))
}

// heading is enumeratee.Heading with a new copy of chunk in each attachment.
func heading(chunk string) enumeratee.Enumeratee[[]byte, []byte] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		return enumeratee.Heading([]byte(chunk)).Attach(stage, out)
	})
}

var (
	leaves    = regexp.MustCompile(`(?i)<(!--|/?script)`)
	errLeaves = errors.New("the text of a message must not hold <!--, <script or </script: write < as \\u003c")
)

// checkText returns an error if text could take the HTML parser out of the script element,
// or into a state in which the end tag does not end the element.
func checkText(text []byte) error {
	if bytes.IndexByte(text, '<') >= 0 && leaves.Match(text) {
		return errLeaves
	}
	return nil
}
