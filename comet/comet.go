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
// It is Play's Comet.string, which drops control characters instead of escaping them.
func String(callback string, opts ...Option) enumeratee.Enumeratee[string, []byte] {
	return scripts("String", callback, AppendString, opts)
}

// JSON is [String] for messages of any type that encoding/json can marshal: the
// callback is called with what JSON.parse would make of the message. A message that is
// a [Marshaler] is sent by that. It is [Messages] with [AppendJSON].
//
// It is Play's Comet.json, where a message can end the script element.
func JSON[E any](callback string, opts ...Option) enumeratee.Enumeratee[E, []byte] {
	return scripts("JSON", callback, AppendJSON[E], opts)
}

// Messages is [String] for messages with an encoder of their own: encode appends to dst
// the arguments of the call, as JavaScript, and returns the extended slice. [AppendString]
// and [AppendJSON] are such encoders, and what others are made of; [WithPosition] makes
// one that tells clients where they are in the stream. encode must not keep dst.
//
// The first chunk goes out when it is attached; see [Preamble]. If the consumer is
// done and leaves over a chunk, its message is left over. An error of encode ends the
// run, wrapped. So does a text in which an HTML parser could see the end of the script
// element or a comment; otherwise the text is trusted. Messages panics if encode is nil,
// or if callback is not a dotted path of JavaScript identifiers that starts with no
// reserved word.
//
// [Recover] goes on after a message that fails, and tells clients a gap in its place. To drop
// messages that have no Position, put [enumeratee.Recover] around an adapter with an empty
// [Preamble], and [enumeratee.Heading] of the first chunk behind it.
//
// It is Play's Comet with a CometMessage, whose text is not looked at, and Comet.flow.
func Messages[E any](callback string, encode func(dst []byte, e E) ([]byte, error), opts ...Option) enumeratee.Enumeratee[E, []byte] {
	if encode == nil {
		panic("comet: Messages: encode must not be nil")
	}
	return scripts("Messages", callback, encode, opts)
}

// An Option changes what [String], [JSON] and [Messages] write. Of several of a kind the
// last one counts.
type Option func(*page)

type page struct {
	nonce, preamble string
	remove          bool
}

var validNonce = regexp.MustCompile(`^([A-Za-z0-9+/_-]+={0,2})?$`)

// Nonce puts a nonce attribute on every script element, so that a
// Content-Security-Policy can allow these scripts only. A nonce is for one response:
// make it, and the adapter, anew for each. The empty nonce means no attribute. Nonce
// panics if it is not what CSP calls a base64-value: letters, digits and + / - _,
// then at most two equals signs.
//
// It is the nonce of Play's Comet, which does not look at it.
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

// RemoveScripts has each script element take itself out of the page, so that the page
// does not grow with every message. It does so before it calls the callback, which may
// throw. Without it, chunks are what they are in Play, where the page grows for ever.
func RemoveScripts() Option {
	return func(p *page) { p.remove = true }
}

// open is what stands in each script chunk before the arguments of the call.
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

// Heartbeat returns a chunk that calls callback without arguments, so that the page hears
// that the stream is alive: a line end, which is all that a connection needs, is nothing that
// a script can notice. It is for httpadapter.Heartbeat. Of the options, [Nonce] and
// [RemoveScripts] count. Heartbeat panics as [Messages] does.
func Heartbeat(callback string, opts ...Option) []byte {
	checkCallback("Heartbeat", callback)
	var p page
	for _, opt := range opts {
		opt(&p)
	}
	return []byte(p.open(callback) + end)
}

// maxScratch is how much memory an attachment keeps for the text of the next message.
const maxScratch = 64 << 10

// scripts returns the adapter that sends the first chunk and then calls callback with
// the text of each message. function is the one to blame in panics and errors.
func scripts[E any](function, callback string, encode func([]byte, E) ([]byte, error), opts []Option) enumeratee.Enumeratee[E, []byte] {
	checkCallback(function, callback)
	p := page{preamble: DefaultPreamble}
	for _, opt := range opts {
		opt(&p)
	}
	open, end := []byte(p.open(callback)), []byte(end)
	messages := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, []byte], error) {
		var scratch []byte // of this attachment
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

// heading is enumeratee.Heading of a chunk that is a new one in each attachment.
func heading(chunk string) enumeratee.Enumeratee[[]byte, []byte] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		return enumeratee.Heading([]byte(chunk)).Attach(stage, inner)
	})
}

var (
	leaves    = regexp.MustCompile(`(?i)<(!--|/?script)`)
	errLeaves = errors.New("the text of a message must not hold <!--, <script or </script: write < as \\u003c")
)

// checkText fails if the text could take the HTML parser out of the script element, or
// into the state in which the end of the element is not one.
func checkText(text []byte) error {
	if bytes.IndexByte(text, '<') >= 0 && leaves.Match(text) {
		return errLeaves
	}
	return nil
}
