package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

const (
	maxText          = 256       // bytes of an id of a producer, or a sequence of a writer
	maxNumber uint64 = 1<<53 - 1 // of an epoch or a sequence number: the greatest integer of JavaScript
)

// put creates a stream.
func (h *handler) put(w http.ResponseWriter, r *http.Request, name string) error {
	for key := range r.Header {
		if strings.HasPrefix(key, "Stream-Fork") {
			return &httpadapter.StatusError{Status: http.StatusNotImplemented, Text: "streams cannot be forked"}
		}
	}
	wanted, err := stateOf(r.Header)
	if err != nil {
		return err
	}
	data, err := h.body(w, r)
	if err == nil && wanted.isJSON() && len(data) > 0 {
		data, err = messages(data)
	}
	if err != nil {
		return err
	}
	ctx, cancel := patiently(r)
	defer cancel()
	var existing *stream
	p, err := h.update(ctx, name, func(s *stream) (state, []byte, error) {
		if existing = s; s != nil {
			return state{}, nil, errExists
		}
		return wanted, data, nil
	})
	status := http.StatusCreated
	header := w.Header()
	switch {
	case errors.Is(err, errExists) && !existing.matches(wanted):
		return conflict(nil, "the stream exists, and has another type, expiry or closure")
	case errors.Is(err, errExists):
		status, p, wanted = http.StatusOK, existing.last, existing.state
	case err != nil:
		return err
	default:
		header.Set("Location", locationOf(r))
	}
	header.Set("Content-Type", wanted.Type)
	setPlace(header, p, wanted.Closed)
	w.WriteHeader(status)
	return nil
}

var errExists = errors.New("httpadapter/durable: the stream exists")

// locationOf returns the URL of r.
func locationOf(r *http.Request) string {
	u := *r.URL
	u.Scheme, u.Host, u.RawQuery = "http", r.Host, ""
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// stateOf returns the state of a stream that a request creates.
func stateOf(h http.Header) (state, error) {
	s := state{Type: h.Get("Content-Type"), TTL: h.Get("Stream-TTL"), Expires: h.Get("Stream-Expires-At"), Closed: closes(h)}
	if s.Type == "" {
		s.Type = bytesType
	}
	if s.TTL != "" {
		if _, err := parseTTL(s.TTL); err != nil {
			return s, malformed("%v", err)
		}
	}
	if s.Expires != "" {
		if _, err := time.Parse(time.RFC3339, s.Expires); err != nil {
			return s, malformed("Stream-Expires-At must be a time of RFC 3339")
		}
		if s.TTL != "" {
			return s, malformed("a stream has a Stream-TTL or a Stream-Expires-At, and not both")
		}
	}
	return s, nil
}

func closes(h http.Header) bool { return h.Get("Stream-Closed") == "true" }

// matches reports whether s has the type, the expiry and the closure of other.
func (s *stream) matches(other state) bool {
	a, _ := time.Parse(time.RFC3339, s.Expires)
	b, _ := time.Parse(time.RFC3339, other.Expires)
	return mediaType(s.Type) == mediaType(other.Type) && s.TTL == other.TTL && a.Equal(b) && s.Closed == other.Closed
}

// body returns the body of a request.
func (h *handler) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return parse.Body(r, parse.Bytes(h.maxBytes), httpadapter.Writer(w))
}

// messages returns the messages of a body in JSON, with commas between them. Each value of an array is a message.
func messages(body []byte) ([]byte, error) {
	if !json.Valid(body) || !utf8.Valid(body) {
		return nil, malformed("the body is not JSON in UTF-8")
	}
	body = bytes.TrimSpace(body)
	if body[0] == '[' {
		body = bytes.TrimSpace(body[1 : len(body)-1])
	}
	return body, nil
}

// write is a POST.
type write struct {
	contentType string
	closes      bool
	seq         string
	producer    *producer // nil if the client does not number its appends
	data        []byte
}

// post appends to a stream, or closes it, or both.
func (h *handler) post(w http.ResponseWriter, r *http.Request, name string) error {
	req := write{contentType: r.Header.Get("Content-Type"), closes: closes(r.Header), seq: r.Header.Get("Stream-Seq")}
	if len(req.seq) > maxText {
		return malformed("a Stream-Seq has at most %d bytes", maxText)
	}
	var err error
	if req.producer, err = producerOf(r.Header); err != nil {
		return err
	}
	if req.data, err = h.body(w, r); err != nil {
		return err
	}
	empty := len(req.data) == 0
	switch {
	case empty && !req.closes:
		return malformed("the body is empty")
	case !empty && req.contentType == "":
		return malformed("the request has no Content-Type")
	}
	if !empty && mediaType(req.contentType) == jsonType {
		if req.data, err = messages(req.data); err != nil {
			return err
		}
		if len(req.data) == 0 {
			return malformed("the array is empty")
		}
	}
	ctx, cancel := patiently(r)
	defer cancel()
	var after state
	p, err := h.update(ctx, name, func(s *stream) (state, []byte, error) {
		if s == nil {
			return state{}, nil, errNotFound
		}
		var err error
		after, err = s.after(&req)
		return after, req.data, err
	})
	if err != nil {
		return err
	}
	header := w.Header()
	setPlace(header, p, after.Closed)
	status := http.StatusNoContent
	if req.producer != nil {
		setProducer(header, *req.producer)
		if !empty {
			status = http.StatusOK
		}
	}
	w.WriteHeader(status)
	return nil
}

// after returns the state after a write, or the answer to a write that appends nothing.
func (s *stream) after(req *write) (state, error) {
	header := http.Header{}
	setPlace(header, s.last, s.Closed)
	next := s.state
	if len(req.data) > 0 && mediaType(req.contentType) != mediaType(s.Type) {
		return next, conflict(nil, "the type of the stream is %s", s.Type)
	}
	if req.producer != nil {
		next.Producers = slices.DeleteFunc(slices.Clone(s.Producers), func(p producer) bool { return p.ID == req.producer.ID })
		if err := s.check(*req.producer, header); err != nil {
			return next, err
		}
		next.Producers = append(next.Producers, *req.producer)
		next.Producers = next.Producers[max(0, len(next.Producers)-maxProducers):]
	}
	if s.Closed {
		if len(req.data) == 0 && req.producer == nil {
			return next, &httpadapter.StatusError{Status: http.StatusNoContent, Header: header}
		}
		return next, conflict(header, "the stream is closed")
	}
	if req.seq != "" {
		if req.seq <= s.Seq {
			return next, conflict(nil, "Stream-Seq must be greater than %q", s.Seq)
		}
		next.Seq = req.seq
	}
	next.Closed = req.closes
	return next, nil
}

// check returns nil if an append of p is the next one of its producer, and the answer otherwise. header has the
// headers of the answer to a repeated append.
func (s *stream) check(p producer, header http.Header) error {
	i := slices.IndexFunc(s.Producers, func(other producer) bool { return other.ID == p.ID })
	expected := uint64(0)
	if i >= 0 {
		switch known := s.Producers[i]; {
		case p.Epoch < known.Epoch:
			return &httpadapter.StatusError{
				Status: http.StatusForbidden, Text: "the producer has a newer epoch",
				Header: http.Header{"Producer-Epoch": {strconv.FormatUint(known.Epoch, 10)}},
			}
		case p.Epoch > known.Epoch && p.Seq != 0:
			return malformed("the first Producer-Seq of an epoch is 0, not %d", p.Seq)
		case p.Epoch == known.Epoch && p.Seq <= known.Seq:
			setProducer(header, known)
			return &httpadapter.StatusError{Status: http.StatusNoContent, Header: header}
		case p.Epoch == known.Epoch:
			expected = known.Seq + 1
		}
	}
	if p.Seq != expected {
		return conflict(http.Header{
			"Producer-Expected-Seq": {strconv.FormatUint(expected, 10)},
			"Producer-Received-Seq": {strconv.FormatUint(p.Seq, 10)},
		}, "appends of the producer are missing: the next Producer-Seq is %d, not %d", expected, p.Seq)
	}
	return nil
}

func setProducer(h http.Header, p producer) {
	h.Set("Producer-Epoch", strconv.FormatUint(p.Epoch, 10))
	h.Set("Producer-Seq", strconv.FormatUint(p.Seq, 10))
}

// producerOf returns the producer of a request, or nil.
func producerOf(h http.Header) (*producer, error) {
	n := 0
	for _, key := range []string{"Producer-Id", "Producer-Epoch", "Producer-Seq"} {
		if len(h[key]) > 0 {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	p := &producer{ID: h.Get("Producer-Id")}
	switch {
	case n < 3:
		return nil, malformed("Producer-Id, Producer-Epoch and Producer-Seq come together")
	case p.ID == "" || len(p.ID) > maxText || !utf8.ValidString(p.ID):
		return nil, malformed("a Producer-Id has 1 to %d bytes of UTF-8", maxText)
	}
	for key, n := range map[string]*uint64{"Producer-Epoch": &p.Epoch, "Producer-Seq": &p.Seq} {
		var err error
		if *n, err = strconv.ParseUint(h.Get(key), 10, 64); err != nil || *n > maxNumber {
			return nil, malformed("%s must be an integer from 0 to %d", key, maxNumber)
		}
	}
	return p, nil
}

// delete deletes a stream.
func (h *handler) delete(w http.ResponseWriter, r *http.Request, name string) error {
	ctx, cancel := patiently(r)
	defer cancel()
	s, err := h.mustFind(ctx, name)
	if err != nil {
		return err
	}
	if s.TTL != "" {
		if err := h.topics.Delete(ctx, readsPrefix+name); err != nil {
			return err
		}
	}
	if err := h.topics.Delete(ctx, name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
