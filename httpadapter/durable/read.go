package durable

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// maxPage is the size at which an answer ends, whole entries included.
const maxPage = 4 << 20

// head tells about a stream.
func (h *handler) head(w http.ResponseWriter, r *http.Request, name string) error {
	ctx, cancel := patiently(r)
	defer cancel()
	s, err := h.mustFind(ctx, name)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", s.Type)
	header.Set("Cache-Control", "no-store")
	setPlace(header, s.last, s.Closed)
	if s.TTL != "" {
		header.Set("Stream-TTL", s.TTL)
	}
	if s.Expires != "" {
		header.Set("Stream-Expires-At", s.Expires)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// get reads a stream.
func (h *handler) get(w http.ResponseWriter, r *http.Request, name string) error {
	query := r.URL.Query()
	live := query.Get("live")
	switch {
	case len(query["live"]) > 1 || live != "" && live != "long-poll" && live != "sse":
		return malformed("live must be long-poll or sse")
	case live != "" && len(query["offset"]) == 0:
		return malformed("a live read needs an offset")
	}
	after, now, err := placeOf(query)
	if err != nil {
		return err
	}
	ctx, cancel := patiently(r)
	defer cancel()
	s, err := h.mustFind(ctx, name)
	if err != nil {
		return err
	}
	if err := h.noteRead(ctx, name, s); err != nil {
		return err
	}
	p := page{next: s.last, upToDate: true, closed: s.Closed}
	if !now {
		if p, err = h.page(ctx, name, s, after); err != nil {
			return err
		}
	}
	if live == "sse" {
		h.events(w, r, name, s, p)
		return nil
	}
	if live == "long-poll" {
		if p, err = h.poll(w, r, name, s, p); err != nil || p.refused {
			return err
		}
		now = false
	}
	return h.answer(w, r, s, p, live != "", now)
}

// placeOf returns the place that a request names. now is true if that is the end.
func placeOf(query url.Values) (after topics.Place, now bool, err error) {
	offsets, given := query["offset"]
	switch {
	case !given || len(offsets) == 1 && offsets[0] == "-1":
		return after, false, nil
	case len(offsets) > 1:
		return after, false, malformed("there must be one offset")
	case offsets[0] == "now":
		return after, true, nil
	}
	after.After, err = enumerator.ParsePosition(offsets[0])
	if err != nil || after.After.Epoch == 0 {
		return after, false, malformed("%.40q is not an offset", offsets[0])
	}
	return after, false, nil
}

// page is a part of a stream.
type page struct {
	contents [][]byte
	size     int
	first    enumerator.Position // of the first entry, or zero
	next     enumerator.Position // of the last entry, or the place that was asked for
	upToDate bool                // there are no more entries now
	closed   bool                // there will be no more entries
	refused  bool                // the request was answered: there was no place under a limit
}

// page reads the entries after a place.
func (h *handler) page(ctx context.Context, name string, s *stream, after topics.Place) (p page, err error) {
	p.next = after.After
	for {
		entries, ok, err := h.read(ctx, name, after, batch)
		switch {
		case err != nil:
			return p, err
		case !ok:
			return p, &httpadapter.StatusError{Status: http.StatusGone, Text: "data after the offset are no longer kept"}
		case len(entries) == 0:
			p.upToDate = true
			if p.first == (enumerator.Position{}) {
				p.closed = s.Closed
			}
			if p.next == (enumerator.Position{}) {
				p.next = s.last
			}
			return p, nil
		}
		for _, e := range entries {
			if p.size >= maxPage {
				return p, nil
			}
			if p.add(e.Position, s.contentOf(e)); p.closed {
				return p, nil
			}
		}
		after = topics.Place{After: p.next}
	}
}

func (p *page) add(at enumerator.Position, c content) {
	if p.first == (enumerator.Position{}) {
		p.first = at
	}
	p.next, p.closed, p.upToDate = at, c.closed, p.upToDate || c.closed
	if len(c.data) > 0 {
		p.contents = append(p.contents, c.data)
		p.size += len(c.data) + 1
	}
}

// isEmpty reports whether p tells nothing new.
func (p *page) isEmpty() bool { return p.size == 0 && p.upToDate && !p.closed }

// appendBody appends the data of p as the body of an answer.
func (p *page) appendBody(b []byte, isJSON bool) []byte {
	if !isJSON {
		for _, data := range p.contents {
			b = append(b, data...)
		}
		return b
	}
	b = append(b, '[')
	for i, data := range p.contents {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, data...)
	}
	return append(b, ']')
}

// answer answers with p.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, s *stream, p page, live, now bool) error {
	header := http.Header{}
	setPlace(header, p.next, p.closed)
	if p.upToDate {
		header.Set("Stream-Up-To-Date", "true")
	}
	if live {
		header.Set("Stream-Cursor", cursorAfter(r.URL.Query().Get("cursor")))
	}
	switch etag := p.etag(); {
	case live && p.size == 0:
		header.Set("Cache-Control", "no-store")
		return &httpadapter.StatusError{Status: http.StatusNoContent, Header: header}
	case now:
		header.Set("Cache-Control", "no-store")
	default:
		header.Set("ETag", etag)
		header.Set("Cache-Control", fmt.Sprintf("private, max-age=%d, stale-while-revalidate=300", s.maxAge()))
		if !live && isMatch(r.Header.Values("If-None-Match"), etag) {
			return &httpadapter.StatusError{Status: http.StatusNotModified, Header: header}
		}
	}
	header.Set("Content-Type", s.Type)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	body := p.appendBody(make([]byte, 0, p.size+2), s.isJSON())
	h.send(w, r, enumerator.Of(body), header)
	return nil
}

// send sends the chunks of source. The header is left out if an error is answered in their place.
func (h *handler) send(w http.ResponseWriter, r *http.Request, source enumerator.Enumerator[[]byte], header http.Header, opts ...httpadapter.Option) {
	for key := range header {
		opts = append(opts, httpadapter.Header(key, header.Get(key)))
	}
	opts = append(opts, h.stream...)
	httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return source, nil }, opts...).ServeHTTP(w, r)
}

// etag returns the ETag of the data of p. It is weak, because a content coding may change the bytes.
func (p *page) etag() string {
	closed := ""
	if p.closed {
		closed = ".closed"
	}
	return fmt.Sprintf(`W/"%s.%s%s"`, p.first, p.next, closed)
}

// maxAge returns the seconds for which an answer may be cached.
func (s *stream) maxAge() int {
	age := time.Minute
	if ttl, ok := s.ttl(); ok {
		age = min(age, ttl)
	}
	if at, err := time.Parse(time.RFC3339, s.Expires); err == nil {
		age = max(0, min(age, time.Until(at)))
	}
	return int(age.Seconds())
}

// isMatch reports whether an If-None-Match names etag, which is weak.
func isMatch(ifNoneMatch []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(ifNoneMatch, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || "W/"+strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// A cursor is the number of an interval since the beginning.
const interval = 20 * time.Second

var beginning = time.Date(2024, 10, 9, 0, 0, 0, 0, time.UTC)

// cursorAfter returns the cursor of now or, if the client has a later one, one that is later still.
func cursorAfter(sent string) string {
	now := max(0, int64(time.Since(beginning)/interval))
	if n, err := strconv.ParseInt(sent, 10, 53); err == nil && n >= now {
		now = n + 1 + rand.Int64N(int64(time.Hour/interval))
	}
	return strconv.FormatInt(now, 10)
}

// poll waits for data after p if p is empty, and returns the page after it.
func (h *handler) poll(w http.ResponseWriter, r *http.Request, name string, s *stream, p page) (page, error) {
	if !p.isEmpty() {
		return p, nil
	}
	p.refused = true
	var err error
	httpadapter.Limited(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p.refused = false
		err = h.wait(r, name, p.next)
	}), h.stream...).ServeHTTP(w, r)
	if p.refused || err != nil {
		return p, err
	}
	ctx, cancel := patiently(r)
	defer cancel()
	now, err := h.mustFind(ctx, name)
	if err != nil {
		return p, err
	}
	*s = *now
	return h.page(ctx, name, s, topics.Place{After: p.next})
}

// wait returns when there may be data after a Position, or the time for it is over.
func (h *handler) wait(r *http.Request, name string, after enumerator.Position) error {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(httpadapter.Draining(r), cancel)()
	var stop iteratee.Stop
	step := h.topics.From(name, after).Into(ctx, sinkFunc(func(item enumerator.Item[[]byte]) iteratee.Step {
		if c, _ := split(item.Value); item.Bookmark || len(c.data) == 0 && !c.closed && !item.Reset {
			return iteratee.StepCont
		}
		return stop.Step()
	}))
	switch err := context.Cause(r.Context()); {
	case err != nil:
		return err
	case ctx.Err() != nil: // the time is over
		return nil
	}
	return step.Err()
}

// sinkFunc is a Sink that consumes all elements.
type sinkFunc func(enumerator.Item[[]byte]) iteratee.Step

func (f sinkFunc) Next(item enumerator.Item[[]byte]) iteratee.Step { return f(item) }
func (sinkFunc) EOF() iteratee.Step                                { return iteratee.StepCont }
func (sinkFunc) Rest() iteratee.Input[enumerator.Item[[]byte]] {
	return iteratee.Empty[enumerator.Item[[]byte]]()
}
