package httpadapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/internal/shared"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fanout"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// Fanout returns an http.Handler that sends one source to many clients. Its streams are those of [Handler], but a
// stream that waits takes less than a KiB and no goroutine, and each element is encoded once for all clients.
//
// source is a hub, for example. encode makes chunks of its Items. start decides where the stream of a request begins. It
// begins after the returned Position. If that is zero, it begins with the newest elements, at most last of them. An error
// of start is answered like an error of the function of Handler.
//
// One run of source feeds all clients of a server. It begins with the first client and ends with the last. A client gets
// its first Items from a run of its own, until the common run has all elements that follow. Then the client is handed
// over. So encode must make the same chunks of an Item regardless of earlier Items, and must make them before it takes
// the next Item. An Item without a Position leaves the Position of the clients unchanged, and a client that is joining
// can miss it.
//
// On Linux, a stream of HTTP/1.1 without TLS is handed over by [http.Hijacker]. net/http and middleware see the stream
// end then. The functions of [OnEnd] are called at its real end. The response has the header Connection: close. All
// other streams are those of Handler and have the same chunks: streams with TLS, of other versions of HTTP, of methods
// other than GET, with a body, with a Content-Length, through the ResponseWriter of a middleware, over a connection
// that is not a *net.TCPConn, on other systems, and with [FlushInterval], [FlushSize] or [Trailer]. The same is true of
// streams that [ContentEncoding] encodes, except for the gzip of package compress. Fanout compresses an element once
// for all clients that have the elements before it. A client that has just joined gets elements that are compressed by
// themselves. The Logger gets each reason once, as information.
//
// If encode has made no chunk of the last element, a [Heartbeat] sends the chunks that encode makes of a Bookmark.
//
// The options have these effects on a stream that was handed over:
//
//   - A client that is more than 256 elements or 4 MiB behind loses elements. It gets a Gap in their place, or a Reset
//     if one of them was a Reset. An error of encode for the Gap or the Reset cuts the stream. The policy of a hub does
//     not see such a client: the common run goes at the pace of the fastest client.
//   - A client counts as gone if it makes no room within the time of [WriteTimeout], when it closes its side of the
//     connection, or when it has sent more than 64 KiB after its request. The bytes that it sends are dropped.
//   - A [Heartbeat] is sent to all clients together.
//   - An error or a panic of the common run ends all its streams, and is logged once.
//   - The functions of OnEnd are called in a goroutine of their own. They get a copy of the request, whose context has
//     ended. A panic is logged.
//
// [Drain] ends these streams, but http.Server.Shutdown does not wait for their clients. Use [Shutdown].
// http.Server.Close does not close them.
//
// While there are clients, Fanout has two goroutines for the run and two for each shard. A shard has about 1,000 clients,
// or more if there are half as many shards as GOMAXPROCS. All of them end soon after the last client has left.
//
// Fanout panics if source or start is nil.
func Fanout[E any](
	source enumerator.Source[E],
	encode enumeratee.Enumeratee[enumerator.Item[E], []byte],
	start func(*http.Request) (after enumerator.Position, last int, err error),
	opts ...Option,
) http.Handler {
	check.NotNil("httpadapter: Fanout: source", source)
	if start == nil {
		panic("httpadapter: Fanout: start must not be nil")
	}
	one := &only[E]{source} // can be compared
	return FanoutFunc(func(r *http.Request) (enumerator.Source[E], enumerator.Position, int, error) {
		after, last, err := start(r)
		return one, after, last, err
	}, encode, opts...)
}

type only[E any] struct{ enumerator.Source[E] }

// FanoutFunc is [Fanout] for sources that depend on the request, such as the rooms of a chat. f returns the source of a
// request, and decides where the stream begins, like start of Fanout. Requests with equal sources share one run. If a
// source cannot be compared, its streams are those of [Handler]. Each run has goroutines of its own, and holds the chunks
// of the newest elements: at most 256 elements and 4 MiB.
//
// FanoutFunc panics if f is nil. A request for which f returns a nil source and no error panics.
func FanoutFunc[E any](
	f func(*http.Request) (source enumerator.Source[E], after enumerator.Position, last int, err error),
	encode enumeratee.Enumeratee[enumerator.Item[E], []byte],
	opts ...Option,
) http.Handler {
	if f == nil {
		panic("httpadapter: FanoutFunc: f must not be nil")
	}
	return &fanoutHandler[E]{config: newConfig(opts), start: f, encode: encode, crowds: map[crowdKey]*fanout.Crowd{}}
}

type fanoutHandler[E any] struct {
	*config
	start  func(*http.Request) (enumerator.Source[E], enumerator.Position, int, error)
	encode enumeratee.Enumeratee[enumerator.Item[E], []byte]
	logged sync.Map // the reasons for the ordinary path that were logged

	webSocket *fanout.WebSocket // nil for responses of HTTP; see ForSockets

	mu     sync.Mutex
	crowds map[crowdKey]*fanout.Crowd // those that have not ended
}

// crowdKey is equal for the clients that share a Crowd.
type crowdKey struct {
	server *http.Server
	source any
}

// crowds holds all awaited values that have not ended, with their *http.Servers.
var crowds sync.Map

// An awaited is a *fanout.Crowd, or a WebSocket that was not handed over. Shutdown waits for it.
type awaited interface {
	Drain()
	Done() <-chan struct{}
}

// handling is a WebSocket that was not handed over.
type handling struct {
	drain context.CancelFunc // ends the WebSocket
	done  chan struct{}      // closed when it has ended
}

func (h *handling) Drain()                { h.drain() }
func (h *handling) Done() <-chan struct{} { return h.done }

// handle lets Shutdown end a WebSocket and wait for it, until over is called. If the function Drain was not called, the
// returned request has a context of its own for draining.
func handle(r *http.Request) (_ *http.Request, over func()) {
	server := r.Context().Value(http.ServerContextKey)
	if server == nil {
		return r, func() {}
	}
	h := &handling{func() {}, make(chan struct{})}
	if draining(r) == nil {
		var ctx context.Context
		ctx, h.drain = context.WithCancel(context.Background()) // over does not end it: a Crowd may drain with it
		r = r.WithContext(context.WithValue(r.Context(), drainKey{}, ctx))
	}
	crowds.Store(h, server)
	return r, func() {
		crowds.Delete(h)
		close(h.done)
	}
}

// Shutdown calls srv.Shutdown. Then it ends the streams that [Fanout] has taken over as if their sources had run out, and
// waits until their clients have received the end. Shutdown does the same for all WebSockets of websocket.Fanout. It
// returns the error of srv.Shutdown, or the cause of ctx if ctx ends first.
//
// srv.Shutdown waits for all other streams: those of [Serve] and [Handler], and those of Fanout that were not handed over.
// They end only if [Drain] was called for srv.
func Shutdown(ctx context.Context, srv *http.Server) error {
	if err := srv.Shutdown(ctx); err != nil {
		return err
	}
	for {
		var all []awaited
		crowds.Range(func(crowd, server any) bool {
			if server == srv {
				crowd.(awaited).Drain()
				all = append(all, crowd.(awaited))
			}
			return true
		})
		if len(all) == 0 {
			return nil
		}
		for _, one := range all { // meanwhile, a WebSocket may join a new Crowd
			select {
			case <-one.Done():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

func (f *fanoutHandler[E]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.webSocket != nil {
		var over func()
		r, over = handle(r)
		defer over()
	}
	s := newStream(w, r, f.config)
	if f.hear != nil {
		f.hear(s)
	}
	source := func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		from, after, last, err := f.start(r)
		if err != nil {
			return enumerator.Empty[[]byte](), err
		}
		check.NotNil("httpadapter: FanoutFunc: source", from)
		items := from.From(after)
		if after == (enumerator.Position{}) {
			items = from.Last(last)
		}
		s.outcome.Resumed = after != (enumerator.Position{})
		reason := s.staysOrdinary()
		if reason == "" && !reflect.ValueOf(from).Comparable() {
			reason = fmt.Sprintf("the source %T cannot be compared", from)
		}
		socket, _ := w.(shared.Socket)
		if socket != nil {
			extension, err := socket.Open()
			if err != nil {
				return enumerator.Empty[[]byte](), err
			}
			s.sent = true // the handshake is the head
			reason = cmp.Or(reason, extension)
		}
		if reason != "" {
			f.log(r, reason)
			if socket != nil {
				socket.Stay()
			}
			return f.ordinary(s, items), nil
		}
		if socket == nil {
			w.Header().Set("Connection", "close") // net/http does not get the connection back
		}
		return f.joining(s, from, items), nil
	}
	refused := checkMethod(r)
	if f.webSocket != nil {
		refused = nil // the handshake checks the method
	}
	if reason, err := s.serve(source, refused); reason == Failed {
		f.logError(r, err)
	}
}

// ForSockets is for package websocket. It removes the options that have no effect on frames.
func (f *fanoutHandler[E]) ForSockets(w *fanout.WebSocket) {
	f.webSocket = w
	f.config = &config{
		corks: true, flushSize: 1, flushInterval: longestBurst,
		timeout: f.timeout, beat: f.config.beat, beatEvery: f.beatEvery, maxDuration: f.maxDuration,
		limits: f.limits, onStart: f.onStart, onEnd: f.onEnd, counting: f.counting, logger: f.logger,
	}
}

// ordinary returns the Enumerator of the chunks of items for a stream that is not handed over.
func (f *fanoutHandler[E]) ordinary(s *stream, items enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[[]byte] {
	var hidden atomic.Pointer[enumerator.Position] // of the last Item, if encode has made no chunk of it
	if f.config.beat != nil {
		own := *f.config
		own.beat = func() []byte {
			if p := hidden.Load(); p != nil {
				chunks, err := f.encoded(s.r.Context(), enumerator.Item[E]{Position: *p, Bookmark: true})
				if err == nil && len(chunks) > 0 && f.webSocket == nil {
					return chunks
				} else if err == nil {
					return append(chunks, f.config.beat()...) // a WebSocket answers only a ping
				}
			}
			return f.config.beat()
		}
		s.config = &own
	}
	chunks := 0 // before the last Item
	before := func() {
		hidden.Store(nil) // before its chunk is sent, so that no heartbeat moves the client back
		chunks = s.outcome.Chunks
	}
	after := func(item enumerator.Item[E]) iteratee.Step {
		count(&s.outcome.Counts, item)
		if s.outcome.Chunks == chunks && item.Position != (enumerator.Position{}) {
			hidden.Store(&item.Position)
		}
		return iteratee.StepCont
	}
	return enumerator.Through(enumerator.Through(items, around(before, after)), f.encode)
}

// staysOrdinary returns the reason why a stream cannot be handed over, or "".
func (s *stream) staysOrdinary() string {
	server, _ := s.r.Context().Value(http.ServerContextKey).(*http.Server)
	h, w := s.w.Header(), s.w
	if socket, ok := w.(shared.Socket); ok {
		w = socket.Underlying()
	}
	switch {
	case !fanout.Supported:
		return "the system is not Linux"
	case s.withTrailers != nil || h["Trailer"] != nil:
		return "a trailer"
	case !s.corks:
		return "the option FlushInterval or FlushSize"
	case s.r.TLS != nil:
		return "TLS"
	case s.r.ProtoMajor != 1 || s.r.ProtoMinor != 1:
		return s.r.Proto
	case s.r.Method != http.MethodGet:
		return "the method " + s.r.Method
	case s.r.ContentLength != 0:
		return "a body"
	case s.contentLength(h) >= 0:
		return "a Content-Length"
	case server == nil || !isOwn(w):
		return fmt.Sprintf("the ResponseWriter %T is not that of net/http with a *net.TCPConn", w)
	case s.codingFor != nil:
		if c := s.codingFor(s); c != nil && !c.isShared() {
			return "the content coding " + c.name
		}
	}
	return ""
}

// count counts an Item.
func count[E any](counts *Counts, item enumerator.Item[E]) {
	switch {
	case item.IsMessage():
		counts.Messages++
	case item.Reset:
		counts.Resets++
	}
	counts.Lost += item.Gap.N
}

// isOwn reports whether w is the ResponseWriter of net/http, and has a *net.TCPConn that no listener has wrapped.
// net/http gives out the connection only when it is hijacked, and then it is too late for the ordinary path. If net/http
// renames these fields, isOwn returns false.
func isOwn(w http.ResponseWriter) bool {
	v := reflect.ValueOf(w)
	if v.Type().String() != "*http.response" {
		return false
	}
	if v = v.Elem().FieldByName("conn"); v.Kind() != reflect.Pointer {
		return false
	}
	v = v.Elem().FieldByName("rwc")
	return v.Kind() == reflect.Interface && v.Elem().Type().String() == "*net.TCPConn"
}

// log logs that a stream is not handed over, once for each reason.
func (f *fanoutHandler[E]) log(r *http.Request, reason string) {
	if _, before := f.logged.LoadOrStore(reason, true); !before {
		f.logger.InfoContext(r.Context(), "httpadapter: Fanout: a stream stays with net/http, as those of Handler do",
			"reason", reason, "method", r.Method, "path", r.URL.Path)
	}
}

// crowdOf returns the Crowd of a source, of which the caller becomes a member. If the source has no Crowd, crowdOf starts
// one, and feeds it with items.
func (f *fanoutHandler[E]) crowdOf(r *http.Request, source any, items enumerator.Enumerator[enumerator.Item[E]]) *fanout.Crowd {
	key := crowdKey{r.Context().Value(http.ServerContextKey).(*http.Server), source}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.crowds[key]; c != nil && c.Enter() {
		return c
	}
	e := &engine[E]{fanoutHandler: f, key: key, items: items}
	c := fanout.Config{Source: e.feed, Gap: e.gap, Beat: e.beat, Timeout: f.timeout, Ended: e.ended, WebSocket: f.webSocket}
	if f.config.beat != nil {
		c.BeatEvery = f.beatEvery
	}
	e.crowd = fanout.Start(c)
	if ctx := draining(r); ctx != nil {
		e.undrain = context.AfterFunc(ctx, e.crowd.Drain)
	}
	crowds.Store(e.crowd, key.server)
	f.crowds[key] = e.crowd
	return e.crowd
}

// engine is the run of the source for the clients of a server.
type engine[E any] struct {
	*fanoutHandler[E]
	items   enumerator.Enumerator[enumerator.Item[E]]
	key     crowdKey
	crowd   *fanout.Crowd
	undrain func() bool
}

// ended is called when the Crowd has ended.
func (e *engine[E]) ended() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.undrain != nil {
		e.undrain()
	}
	if e.crowds[e.key] == e.crowd {
		delete(e.crowds, e.key)
	}
	crowds.Delete(e.crowd)
}

// errEnginePanicked is the error of all streams after a panic in the source or the encoder.
var errEnginePanicked = errors.New("httpadapter: Fanout: the source or the encoder has panicked")

// guarded calls f in a goroutine of its own, and returns an error if f panics.
func (e *engine[E]) guarded(f func() error) (err error) {
	done := make(chan struct{})
	go guard.Run("httpadapter: Fanout: a function", func() { err = f() }, func(panicked any) {
		if panicked != nil {
			logPanic(e.context(context.Background()), e.logger, errEnginePanicked.Error(), panicked)
			err = errEnginePanicked
		}
		close(done)
	})
	<-done
	return err
}

// logPanic logs a panic with its stack. A deferred function must call it.
func logPanic(ctx context.Context, logger ErrorLogger, msg string, panicked any) {
	logger.ErrorContext(ctx, msg, "panic", panicked, "stack", string(debug.Stack()))
}

// context returns ctx with the server, which has the log.
func (e *engine[E]) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, http.ServerContextKey, e.key.server)
}

// feed runs the source for the Crowd.
func (e *engine[E]) feed(ctx context.Context, feed *fanout.Feed) (last *fanout.Frame, err error) {
	ctx = e.context(ctx)
	err = e.guarded(func() error {
		fed := &feeding[E]{feed: feed, frame: fanout.NewFrame}
		if e.webSocket != nil {
			fed.frame = fanout.NewMessages
		}
		consumer := iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, *fanout.Frame], iteratee.Step) {
			iteratee.OnCork(ctx, feed.Cork)
			return fed, iteratee.StepCont
		})
		var err error
		last, err = enumerator.Run(ctx, enumerator.Through(enumerator.Through(e.items, around(fed.before, fed.item)), e.encode), consumer)
		return err
	})
	if err != nil && err != errEnginePanicked && ctx.Err() == nil {
		e.logger.ErrorContext(ctx, "httpadapter: Fanout: all streams failed", "error", err)
	}
	return last, err
}

// feeding makes frames of chunks.
type feeding[E any] struct {
	feed  *fanout.Feed
	frame func(text []byte, after fanout.Mark, anew bool) *fanout.Frame
	begun bool
	text  []byte // the chunks since the Item before
	mark  fanout.Mark
}

func (f *feeding[E]) Next(chunk []byte) iteratee.Step {
	if len(chunk) > 0 {
		f.text = append(f.text, chunk...)
		f.mark.Chunks++
		f.mark.Bytes += int64(len(chunk))
	}
	return iteratee.StepCont
}

// before is called before the chunks of an Item. It drops the chunks before the first Item, because each client has its
// own.
func (f *feeding[E]) before() {
	if !f.begun {
		f.text, f.mark = nil, fanout.Mark{}
	}
}

// item is called when the chunks of item have come. An Item without a Position leaves the Position of the clients
// unchanged.
func (f *feeding[E]) item(item enumerator.Item[E]) iteratee.Step {
	before := f.mark.Position
	if item.Position == (enumerator.Position{}) {
		if !f.begun {
			f.text, f.mark = nil, fanout.Mark{}
			return iteratee.StepCont
		}
		item.Position = before
	}
	f.mark.Position = item.Position
	if !f.begun {
		f.begun = true
		p := item.Position
		if item.IsMessage() {
			p.Seq--
		}
		f.feed.Begin(p)
		if item.Bookmark || item.Reset { // each client has one of its own
			f.text, f.mark = nil, fanout.Mark{Position: p}
			return iteratee.StepCont
		}
	}
	switch {
	case item.IsMessage():
		f.mark.Messages++
	case item.Reset:
		f.mark.Resets++
	}
	f.mark.Lost += item.Gap.N
	anew := item.Reset || before != (enumerator.Position{}) && before.Epoch != item.Position.Epoch
	f.feed.Push(f.frame(f.text, f.mark, anew))
	f.text = nil
	return iteratee.StepCont
}

func (*feeding[E]) EOF() iteratee.Step           { return iteratee.StepDone }
func (*feeding[E]) Rest() iteratee.Input[[]byte] { return iteratee.Empty[[]byte]() }

// Result returns the chunks after the last Item.
func (f *feeding[E]) Result() (*fanout.Frame, error) {
	return f.frame(f.text, f.mark, false), nil
}

// around returns an adapter that hands on Items. It calls before ahead of each Item, and after when the consumer has
// taken the Item.
func around[E any](before func(), after func(enumerator.Item[E]) iteratee.Step) enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[E]] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[enumerator.Item[E]]) (iteratee.Sink[enumerator.Item[E]], iteratee.Step) {
		return &surrounding[E]{Stage: stage, Outlet: out, before: before, after: after}, iteratee.StepCont
	})
}

type surrounding[E any] struct {
	enumeratee.Stage
	iteratee.Outlet[enumerator.Item[E]]
	before func()
	after  func(enumerator.Item[E]) iteratee.Step
	end    iteratee.Step
}

func (s *surrounding[E]) Next(item enumerator.Item[E]) iteratee.Step {
	if s.end.IsCont() {
		s.before()
		s.end = s.Outlet.Next(item)
	}
	if s.end.IsCont() {
		s.end = s.after(item)
	}
	return s.end
}

var errEncoded = errors.New("httpadapter: Fanout: the Item was encoded")

// encoded returns the chunks that encode makes of item.
func (f *fanoutHandler[E]) encoded(ctx context.Context, item enumerator.Item[E]) (chunks []byte, err error) {
	take := iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		chunks = append(chunks, chunk...)
		return nil
	})
	only := enumerator.New(func(_ context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		chunks = nil // drop the chunks before the first Item
		if step := sink.Next(item); !step.IsCont() {
			return step
		}
		return iteratee.StepError(errEncoded) // so that encode does not get EOF
	})
	if _, err = enumerator.Run(ctx, enumerator.Through(only, f.encode), take); err == errEncoded {
		err = nil
	}
	return chunks, err
}

// encodedGuarded calls encoded in a goroutine of its own, and returns an error if encode panics.
func (e *engine[E]) encodedGuarded(item enumerator.Item[E]) (chunks []byte, err error) {
	err = e.guarded(func() (err error) {
		chunks, err = e.encoded(e.context(context.Background()), item)
		return err
	})
	return chunks, err
}

func (e *engine[E]) gap(from, to fanout.Mark, anew bool) ([]byte, error) {
	item := enumerator.Item[E]{Position: to.Position, Reset: anew}
	if !anew {
		first := from.Position
		first.Seq++
		item.Gap = enumerator.Gap{From: first, N: to.Elements() - from.Elements()}
	}
	chunks, err := e.encodedGuarded(item)
	if err != nil && err != errEnginePanicked {
		e.logger.ErrorContext(e.context(context.Background()), "httpadapter: Fanout: a stream failed", "error", err)
	}
	return chunks, err
}

func (e *engine[E]) beat(at fanout.Mark, hidden bool) (chunks []byte, err error) {
	if hidden {
		chunks, err = e.encodedGuarded(enumerator.Item[E]{Position: at.Position, Bookmark: true})
		if len(chunks) > 0 && e.webSocket == nil || err != nil {
			return chunks, err
		}
	}
	err = e.guarded(func() error {
		chunks = append(chunks, e.config.beat()...) // a WebSocket answers only a ping
		return nil
	})
	return chunks, err
}
