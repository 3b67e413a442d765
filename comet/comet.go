package comet

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// String returns the adapter that makes a script chunk of each message: a call of
// callback with the message as a single-quoted string.
//
// The first chunk goes out when it is attached; see [Preamble]. If the consumer is
// done and leaves over a chunk, its message is left over. String panics if callback
// is not a dotted path of JavaScript identifiers that starts with no reserved word.
//
// It is Play's Comet.string, which drops control characters instead of escaping them.
func String(callback string, opts ...Option) enumeratee.Enumeratee[string, []byte] {
	return scripts("String", callback, opts, func(s string) ([]byte, error) { return stringLiteral(s), nil })
}

// JSON is [String] for messages of any type that encoding/json can marshal: the
// callback is called with what JSON.parse would make of the message. The text is
// ASCII. A message that cannot be marshalled ends the run with an error that wraps
// that of encoding/json.
//
// It is Play's Comet.json, where a message can end the script element.
func JSON[E any](callback string, opts ...Option) enumeratee.Enumeratee[E, []byte] {
	return scripts("JSON", callback, opts, func(e E) ([]byte, error) { return jsonLiteral(e) })
}

// An Option changes what [String] and [JSON] write. Of several of a kind the last
// one counts.
type Option func(*page)

type page struct{ nonce, preamble string }

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

// Preamble replaces the first chunk, which is 5120 spaces and <html><body>. The
// empty string sends none: the first message is the first chunk then. It is sent as
// it is, so it must not hold anything that is not trusted.
//
// It is the initialChunk of Play's Comet.
func Preamble(html string) Option {
	return func(p *page) { p.preamble = html }
}

// scripts returns the adapter that sends the first chunk and then calls callback with
// the literal of each message. function is the one to blame in panics and errors.
func scripts[E any](function, callback string, opts []Option, literal func(E) ([]byte, error)) enumeratee.Enumeratee[E, []byte] {
	checkCallback(function, callback)
	p := page{preamble: strings.Repeat(" ", 5120) + "<html><body>"}
	for _, opt := range opts {
		opt(&p)
	}
	open, end := []byte("<script>"+callback+"("), []byte(");</script>")
	if p.nonce != "" {
		open = []byte(`<script nonce="` + p.nonce + `">` + callback + "(")
	}
	messages := enumeratee.MapM(func(_ context.Context, e E) ([]byte, error) {
		text, err := literal(e)
		if err != nil {
			return nil, fmt.Errorf("comet: %s: %w", function, err)
		}
		return slices.Concat(open, text, end), nil
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
