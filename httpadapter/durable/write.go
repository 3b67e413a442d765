package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

const (
	maxText          = 256       // bytes of a type, of the id of a producer, and of the sequence of a writer
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
	values, err := h.values(w, r, wanted.isJSON())
	if err != nil {
		return err
	}
	ctx, cancel := patiently(r)
	defer cancel()
	var existing *stream
	s, err := h.update(ctx, name, func(s *stream, done int) (change, error) {
		existing = s
		return s.create(wanted, values, done)
	})
	status := http.StatusCreated
	header := w.Header()
	switch {
	case errors.Is(err, errExists) && !existing.matches(wanted):
		return conflict(nil, "the stream exists, and has another type, expiry or closure")
	case errors.Is(err, errExists):
		status, s = http.StatusOK, existing
	case err != nil:
		return err
	default:
		header.Set("Location", locationOf(r))
	}
	header.Set("Content-Type", s.Type)
	setPlace(header, s.last, s.Closed)
	w.WriteHeader(status)
	return nil
}

// create returns the next entry of a PUT. If another request has died before all values were stored, create goes on with
// the next value.
func (s *stream) create(wanted state, values [][]byte, done int) (change, error) {
	state := wanted
	creator := producer{}
	if s != nil {
		var unfinished bool
		creator, unfinished = s.producer("")
		state.Closed = false
		switch {
		case !unfinished || !s.matches(state):
			return change{}, errExists
		case done == 0 && time.Since(s.time) < patience:
			return change{}, errCreating
		}
		state = s.state
		state.Producers = s.without("")
	}
	c := changeOf(values, creator.Values)
	if state.Closed = wanted.Closed && !c.more; c.more {
		creator.Values++
		state.Producers = append(state.Producers, creator)
	}
	c.state = state
	return c, nil
}

// changeOf returns the change that stores the value with index i.
func changeOf(values [][]byte, i int) (c change) {
	if i < len(values) { // a client may have repeated an append with fewer values
		c.data = values[i]
	}
	c.more = i < len(values)-1
	return c
}

// errCreating refuses a PUT while another one stores the values of the stream.
var errCreating = &httpadapter.StatusError{
	Status: http.StatusServiceUnavailable, Text: "another request is creating the stream", Header: http.Header{"Retry-After": {"1"}},
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
	if len(s.Type) > maxText || !utf8.ValidString(s.Type) { // JSON would change other bytes
		return s, malformed("a Content-Type has at most %d bytes of UTF-8", maxText)
	}
	if s.TTL != "" {
		if _, err := parseTTL(s.TTL); err != nil {
			return s, malformed("%v", err)
		}
	}
	if s.Expires != "" {
		if _, err := time.Parse(time.RFC3339, s.Expires); err != nil || len(s.Expires) > maxText {
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

// values returns the values of a body: each value of a JSON array, or the body as a whole. They are nil if the body is
// empty.
func (h *handler) values(w http.ResponseWriter, r *http.Request, isJSON bool) ([][]byte, error) {
	body, err := parse.Body(r, parse.Bytes(h.maxBytes), httpadapter.Writer(w))
	switch {
	case err != nil || len(body) == 0:
		return nil, err
	case !isJSON:
		return [][]byte{body}, nil
	case !json.Valid(body) || !utf8.Valid(body):
		return nil, malformed("the body is not JSON in UTF-8")
	}
	if body = bytes.TrimSpace(body); body[0] != '[' {
		return [][]byte{body}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, malformed("%v", err)
	}
	values := make([][]byte, len(list))
	for i, value := range list {
		values[i] = value
	}
	return values, nil
}

// write is a POST.
type write struct {
	contentType string
	closes      bool
	seq         string
	producer    *producer // nil if the client does not number its appends; Next is the number of this append
	values      [][]byte
}

// post appends to a stream, or closes it, or both.
func (h *handler) post(w http.ResponseWriter, r *http.Request, name string) error {
	req := write{contentType: r.Header.Get("Content-Type"), closes: closes(r.Header), seq: r.Header.Get("Stream-Seq")}
	if len(req.seq) > maxText || !utf8.ValidString(req.seq) {
		return malformed("a Stream-Seq has at most %d bytes of UTF-8", maxText)
	}
	var err error
	if req.producer, err = producerOf(r.Header); err != nil {
		return err
	}
	if req.values, err = h.values(w, r, mediaType(req.contentType) == jsonType); err != nil {
		return err
	}
	empty := len(req.values) == 0
	switch {
	case empty && req.values != nil:
		return malformed("the array is empty")
	case empty && !req.closes:
		return malformed("the body is empty")
	case !empty && req.contentType == "":
		return malformed("the request has no Content-Type")
	}
	ctx, cancel := patiently(r)
	defer cancel()
	s, err := h.update(ctx, name, func(s *stream, done int) (change, error) {
		if s == nil {
			return change{}, errNotFound
		}
		return s.next(&req, done)
	})
	if err != nil {
		return err
	}
	header := w.Header()
	setPlace(header, s.last, s.Closed)
	status := http.StatusNoContent
	if req.producer != nil {
		setProducer(header, req.producer.Epoch, req.producer.Next)
		if !empty {
			status = http.StatusOK
		}
	}
	w.WriteHeader(status)
	return nil
}

// next returns the next entry of a write that has appended done entries, or the answer to a write that appends nothing.
func (s *stream) next(req *write, done int) (c change, err error) {
	header := http.Header{}
	setPlace(header, s.last, s.Closed)
	if len(req.values) > 0 && mediaType(req.contentType) != mediaType(s.Type) {
		return c, conflict(nil, "the type of the stream is %s", s.Type)
	}
	var known producer
	if req.producer != nil {
		if known, err = s.check(*req.producer, header); err != nil {
			return c, err
		}
		done = known.Values
	}
	if s.Closed {
		if len(req.values) == 0 && req.producer == nil {
			return c, &httpadapter.StatusError{Status: http.StatusNoContent, Header: header}
		}
		return c, conflict(header, "the stream is closed")
	}
	if req.seq != "" && req.seq <= s.Seq {
		return c, conflict(nil, "Stream-Seq must be greater than %q", s.Seq)
	}
	c = changeOf(req.values, done)
	c.state = s.state
	if req.producer != nil {
		known.Values++
		if !c.more {
			known.Next, known.Values = known.Next+1, 0
		}
		c.state.Producers = append(s.without(known.ID), known)
	}
	if !c.more {
		c.state.Closed = req.closes
		c.state.Seq = max(s.Seq, req.seq)
	}
	return c, nil
}

// check returns the producer of an append as the stream knows it, if the append is the next one. Otherwise it returns
// the answer. header has the headers of the answer to a repeated append.
func (s *stream) check(p producer, header http.Header) (known producer, err error) {
	known, isKnown := s.producer(p.ID)
	switch {
	case p.Epoch < known.Epoch:
		return known, &httpadapter.StatusError{
			Status: http.StatusForbidden, Text: "the producer has a newer epoch",
			Header: http.Header{"Producer-Epoch": {strconv.FormatUint(known.Epoch, 10)}},
		}
	case p.Epoch > known.Epoch && p.Next != 0 && isKnown:
		return known, malformed("the first Producer-Seq of an epoch is 0, not %d", p.Next)
	case p.Epoch > known.Epoch:
		known = producer{ID: p.ID, Epoch: p.Epoch}
	case p.Next < known.Next:
		setProducer(header, known.Epoch, known.Next-1)
		return known, &httpadapter.StatusError{Status: http.StatusNoContent, Header: header}
	}
	if p.Next != known.Next {
		return known, conflict(http.Header{
			"Producer-Expected-Seq": {strconv.FormatUint(known.Next, 10)},
			"Producer-Received-Seq": {strconv.FormatUint(p.Next, 10)},
		}, "appends of the producer are missing: the next Producer-Seq is %d, not %d", known.Next, p.Next)
	}
	return known, nil
}

func setProducer(h http.Header, epoch, seq uint64) {
	h.Set("Producer-Epoch", strconv.FormatUint(epoch, 10))
	h.Set("Producer-Seq", strconv.FormatUint(seq, 10))
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
	for key, n := range map[string]*uint64{"Producer-Epoch": &p.Epoch, "Producer-Seq": &p.Next} {
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
	if err := h.forgetReads(ctx, name, s); err != nil {
		return err
	}
	if err := h.topics.Delete(ctx, name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
