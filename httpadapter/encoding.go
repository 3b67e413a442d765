package httpadapter

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/halley-go/halley/httpadapter/internal/shared"
)

// A Coding is a content coding, such as gzip, for [ContentEncoding].
type Coding struct {
	Name string         // in Accept-Encoding and Content-Encoding
	New  func() Encoder // called when no Encoder of an earlier stream is free
}

// An Encoder encodes the bytes that are written to it and writes the result to the writer of its
// last Reset. After a Flush the client can decode all that was written before. The compressors of
// the standard library, and of most others, are Encoders.
type Encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// ContentEncoding encodes the stream for clients that ask for one of codings in Accept-Encoding.
// Package compress has the codings that most servers need.
//
// It takes the coding that the client prefers, and the first of those that the client likes equally.
// The headers Content-Encoding and Vary are set. A stream that already has a Content-Encoding is not
// encoded. The Content-Length of a stream that is encoded is removed, and still limits the chunks of
// the source. The Encoder is flushed whenever the stream is flushed.
//
// The streams of all handlers that are given this Option share Encoders, each of which is used by one
// stream at a time. ContentEncoding panics if codings is empty or one of them lacks its name or its
// function.
func ContentEncoding(codings ...Coding) Option {
	if len(codings) == 0 {
		panic("httpadapter: ContentEncoding: codings must not be empty")
	}
	var offered []*coding
	for _, c := range codings {
		if c.Name == "" || c.New == nil {
			panic("httpadapter: ContentEncoding: a Coding must have a Name and a function New")
		}
		offered = append(offered, &coding{name: strings.ToLower(c.Name), free: sync.Pool{New: func() any { return c.New() }}})
	}
	return func(c *config) {
		c.codingFor = func(s *stream) *coding { return codingFor(s.r, s.w.Header(), offered) }
		c.encode = func(s *stream) {
			coding := setEncoding(s.r, s.w.Header(), offered)
			if coding == nil || s.r.Method == http.MethodHead {
				return
			}
			s.encoder = coding.encoder(&encoded{s})
			s.release = func() { coding.giveBack(s.encoder) }
		}
	}
}

// coding is a Coding with the Encoders that are not in use.
type coding struct {
	name string // in lower case
	free sync.Pool
}

func (c *coding) encoder(w io.Writer) Encoder {
	e := c.free.Get().(Encoder)
	e.Reset(w)
	return e
}

func (c *coding) giveBack(e Encoder) {
	e.Reset(io.Discard) // forgets the response
	c.free.Put(e)
}

// isShared reports whether Fanout can encode an element once for all streams.
func (c *coding) isShared() bool {
	e := c.free.Get()
	defer c.free.Put(e)
	_, ok := e.(shared.Deflater)
	return ok
}

// encoded writes the bytes that an Encoder has made.
type encoded struct{ *stream }

func (e *encoded) Write(p []byte) (int, error) {
	if err := context.Cause(e.r.Context()); err != nil {
		return 0, err
	}
	e.extend()
	if err := e.writePieces(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// setEncoding returns the coding for the response to r, and sets the headers h of the response. It
// returns nil if the stream is to stay as it is.
func setEncoding(r *http.Request, h http.Header, codings []*coding) *coding {
	if _, encoded := h["Content-Encoding"]; encoded {
		return nil
	}
	if vary := strings.Join(h["Vary"], ","); !strings.Contains(vary, "*") && !strings.Contains(strings.ToLower(vary), "accept-encoding") {
		h.Add("Vary", "Accept-Encoding")
	}
	c := codingFor(r, h, codings)
	if c != nil {
		h.Set("Content-Encoding", c.name)
		h.Del("Content-Length")
	}
	return c
}

// codingFor returns the coding for the response to r with the headers h, or nil.
func codingFor(r *http.Request, h http.Header, codings []*coding) *coding {
	if _, encoded := h["Content-Encoding"]; encoded {
		return nil
	}
	return negotiate(r.Header["Accept-Encoding"], codings)
}

// negotiate returns the first of the codings that an Accept-Encoding prefers, or nil if it prefers
// none.
func negotiate(accept []string, codings []*coding) *coding {
	weights := map[string]float64{"identity": 0, "*": 0}
	for _, c := range codings {
		weights[c.name] = -1 // not named
	}
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, known := weights[name]; known { // a client can name any number of others
			weights[name] = weight(params)
		}
	}
	var best *coding
	least := weights["identity"]
	for _, c := range codings {
		w := weights[c.name]
		if w < 0 {
			w = weights["*"]
		}
		if w > 0 && (w > least || best == nil && w == least) {
			best, least = c, w
		}
	}
	return best
}

// weight returns the q of the parameters of a coding: 1 if there is none, and 0 if it is malformed.
func weight(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if strings.ToLower(strings.TrimSpace(key)) != "q" {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
		return 0
	}
	return 1
}
