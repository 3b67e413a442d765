package durable

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// maxPage is the size at which an answer ends. Its last entry is whole.
const maxPage = 8 << 20

// head answers with the state of a stream.
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

// get reads a stream. All of it happens in a stream of httpadapter. So a request that waits holds a place under the limits,
// and the answer has a deadline of its own.
func (h *handler) get(w http.ResponseWriter, r *http.Request, name string) error {
	query := r.URL.Query()
	live := query.Get("live")
	switch {
	case len(query["live"]) > 1 || live != "" && live != longPoll && live != eventStream:
		return malformed("live must be %s or %s", longPoll, eventStream)
	case live != "" && len(query["offset"]) == 0:
		return malformed("a live read needs an offset")
	}
	after, now, err := placeOf(query)
	if err != nil {
		return err
	}
	opts := h.stream
	if live == eventStream {
		opts = append([]httpadapter.Option{httpadapter.EventStream(), httpadapter.MaxDuration(lifetime)}, opts...)
	}
	httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		w.Header().Set("Cache-Control", "no-store") // an answer that can be cached replaces it
		source, err := h.source(w.Header(), r, name, live, after, now)
		return source, answerTo(r, err)
	}, opts...).ServeHTTP(w, r)
	return nil
}

const longPoll, eventStream = "long-poll", "sse"

// source returns the body of the answer to a GET, and sets its header.
func (h *handler) source(header http.Header, r *http.Request, name, live string, after topics.Place, now bool) (none enumerator.Enumerator[[]byte], err error) {
	s, p, err := h.first(r, name, after, now)
	if err != nil {
		return none, err
	}
	cursor := cursorAfter(r.URL.Query().Get("cursor"))
	switch live {
	case eventStream:
		return h.events(header, name, s, p, cursor), nil
	case longPoll:
		if p.isEmpty() {
			if err := h.wait(r, name, p.next); err != nil {
				return none, err
			}
			if s, p, err = h.first(r, name, topics.Place{After: p.next}, false); err != nil {
				return none, err
			}
		}
		header.Set("Stream-Cursor", cursor)
		now = false
	}
	setPlace(header, p.next, p.closed)
	if p.upToDate {
		header.Set("Stream-Up-To-Date", "true")
	}
	if live == longPoll && p.size == 0 {
		return none, &httpadapter.StatusError{Status: http.StatusNoContent}
	}
	if !now {
		etag := p.etag()
		header.Set("ETag", etag)
		header.Set("Cache-Control", fmt.Sprintf("private, max-age=%d, stale-while-revalidate=300", s.maxAge()))
		if live == "" && isMatch(r.Header.Values("If-None-Match"), etag) {
			return none, &httpadapter.StatusError{Status: http.StatusNotModified}
		}
	}
	header.Set("Content-Type", s.Type)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	chunks := p.chunks(s.isJSON())
	length := 0
	for _, chunk := range chunks {
		length += len(chunk)
	}
	// With a length, httpadapter never takes a part of the body for the whole, which would lose data.
	header.Set("Content-Length", strconv.Itoa(length))
	return inPieces(chunks), nil
}

// first returns the stream, and the page after a place or, if now is set, the empty page at its end.
func (h *handler) first(r *http.Request, name string, after topics.Place, now bool) (s *stream, p page, err error) {
	ctx, cancel := patiently(r)
	defer cancel()
	if s, err = h.mustFind(ctx, name); err != nil {
		return s, p, err
	}
	if err = h.noteRead(ctx, name, s); err != nil {
		return s, p, err
	}
	if now {
		return s, page{next: s.last, upToDate: true, closed: s.Closed}, nil
	}
	p, err = h.page(ctx, name, s, after)
	return s, p, err
}

// placeOf returns the place that a request names. now is true if the place is the end.
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
	contents [][]byte // not empty ones
	size     int
	first    enumerator.Position // of the first entry, or zero
	next     enumerator.Position // of the last entry, or the place that was asked for
	upToDate bool                // there are no more entries now
	closed   bool                // there will be no more entries
}

// page reads the entries after a place.
func (h *handler) page(ctx context.Context, name string, s *stream, after topics.Place) (p page, err error) {
	p.next = after.After
	isJSON := s.isJSON()
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
		for i := range entries {
			e := &entries[i]
			if p.size >= maxPage {
				return p, nil
			}
			if p.add(e.Position, contentOf(e, isJSON)); e.Kind == topics.Ended {
				p.upToDate, p.closed = true, true
				return p, nil
			}
		}
		after = topics.Place{After: p.next}
	}
}

func (p *page) add(at enumerator.Position, data []byte) {
	if p.first == (enumerator.Position{}) {
		p.first = at
	}
	p.next = at
	if len(data) > 0 {
		p.contents = append(p.contents, data)
		p.size += len(data) + 1
	}
}

// isEmpty reports whether p has nothing new for a client.
func (p *page) isEmpty() bool { return p.size == 0 && p.upToDate && !p.closed }

// chunks returns the body of an answer with the data of p.
func (p *page) chunks(isJSON bool) [][]byte {
	if !isJSON {
		return p.contents
	}
	chunks := append(make([][]byte, 0, 2*len(p.contents)+2), []byte("["))
	for i, data := range p.contents {
		if i > 0 {
			chunks = append(chunks, comma)
		}
		chunks = append(chunks, data)
	}
	return append(chunks, []byte("]"))
}

var comma = []byte(",")

// pieceSize is the size of the writes of a body.
const pieceSize = 128 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// inPieces returns an Enumerator of the bytes of chunks in large pieces, which share their memory.
func inPieces(chunks [][]byte) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		piece := pieces.Get().(*[pieceSize]byte)
		defer pieces.Put(piece)
		cork := iteratee.Cork(ctx)
		defer cork(false)
		cork(true)
		n := 0
		for _, chunk := range chunks {
			for len(chunk) > 0 {
				if n == pieceSize {
					if step := sink.Next(piece[:]); !step.IsCont() {
						return step
					}
					n = 0
				}
				copied := copy(piece[n:], chunk)
				n, chunk = n+copied, chunk[copied:]
			}
		}
		return sink.Next(piece[:n])
	})
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

// cursorAfter returns the current cursor. If the client has sent that cursor or a later one, it returns a cursor after it.
func cursorAfter(sent string) string {
	now := max(0, int64(time.Since(beginning)/interval))
	if n, err := strconv.ParseInt(sent, 10, 53); err == nil && n >= now {
		now = n + 1 + rand.Int64N(int64(time.Hour/interval))
	}
	return strconv.FormatInt(now, 10)
}

// wait returns when there may be data after a Position, or when the time of a long poll is over.
func (h *handler) wait(r *http.Request, name string, after enumerator.Position) error {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(httpadapter.Draining(r), cancel)()
	var stop iteratee.Stop
	step := h.topics.From(name, after).Into(ctx, sinkFunc(func(item enumerator.Item[[]byte]) iteratee.Step {
		if item.Bookmark {
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
