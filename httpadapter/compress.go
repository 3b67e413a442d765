package httpadapter

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Compress compresses the stream with gzip or zstd for clients that ask for it in
// Accept-Encoding, and sets Vary. It prefers gzip where a client, such as a browser, likes both
// equally. Each flush takes the compressor along, so that a client can read what it has got. A
// stream that has a Content-Encoding or a Content-Length already is left as it is.
//
// A stream of gzip takes 4 KiB of memory for its window, beyond the bytes that wait for a flush.
// A stream of zstd takes 450 KiB for as long as it lasts; only a client that prefers zstd or
// does not accept gzip gets one. To exclude zstd, remove it from the request's Accept-Encoding.
// With gzip, events of 200 bytes become a third as long, and a flush takes 10 to 20 microseconds;
// docs/performance.md has the figures.
//
// Leave Compress out where a stream holds both a secret and text that somebody else has chosen,
// since the size of the chunks would tell of the secret.
func Compress() Option { return func(c *config) { c.compress = true } }

// An encoder compresses to the writer of its last Reset.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// A coding is a value of Content-Encoding, with the encoders that are not in use.
type coding struct {
	name string
	pool sync.Pool
}

// codings are in the order in which they are taken if the client likes them equally: gzip is
// first because a stream of it takes a hundredth of the memory.
var codings = [...]*coding{
	{name: "gzip", pool: sync.Pool{New: func() any { return new(gzipWriter) }}},
	{name: "zstd", pool: sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil,
			zstd.WithEncoderConcurrency(1), // no goroutines
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(8<<10),
			zstd.WithZeroFrames(true), // a stream of nothing is something
		)
		if err != nil {
			panic(err) // the options are wrong
		}
		return e
	}}},
}

func (c *coding) encoder(w io.Writer) encoder {
	e := c.pool.Get().(encoder)
	e.Reset(w)
	return e
}

func (c *coding) giveBack(e encoder) {
	e.Reset(io.Discard) // forgets the response
	c.pool.Put(e)
}

// negotiate returns the coding to use for an Accept-Encoding, nil for none.
func negotiate(accept []string) *coding {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "zstd", "gzip", "identity", "*": // of others a client can name any number
			weights[name] = weight(params)
		}
	}
	var best *coding
	least := weights["identity"] // 0 unless it says
	for _, c := range codings {
		w, named := weights[c.name]
		if !named {
			w = weights["*"]
		}
		if w > 0 && (w > least || best == nil && w == least) {
			best, least = c, w
		}
	}
	return best
}

// weight is the q of the parameters of a coding: 1 if there is none, 0 if it is no
// weight.
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

// compressWith returns the coding for the response to r whose headers are h, nil for
// none, and sets those headers.
func (c *config) compressWith(r *http.Request, h http.Header) *coding {
	if _, encoded := h["Content-Encoding"]; !c.compress || encoded || h.Get("Content-Length") != "" {
		return nil
	}
	if vary := strings.Join(h["Vary"], ","); !strings.Contains(vary, "*") && !strings.Contains(strings.ToLower(vary), "accept-encoding") {
		h.Add("Vary", "Accept-Encoding")
	}
	coding := negotiate(r.Header["Accept-Encoding"])
	if coding != nil {
		h.Set("Content-Encoding", coding.name)
	}
	return coding
}
