package docs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// This file holds the code of comet.md that is not part of an example.

func Example_json() {
	// snippet: json

	type Move struct {
		Piece string `json:"piece"`
		To    string `json:"to"`
	}
	moves := enumerator.Of(Move{"knight", "f3"}, Move{"pawn", "e4"})
	stream := enumerator.Through(moves, comet.JSON[Move]("parent.moved"))

	show(stream)
	// Output:
	// <html><body>
	// <script>parent.moved({"piece":"knight","to":"f3"});</script>
	// <script>parent.moved({"piece":"pawn","to":"e4"});</script>
}

// snippet: messages

type Tick struct {
	At    time.Time
	Price float64
}

// appendTick writes the arguments of the call.
func appendTick(dst []byte, t Tick) ([]byte, error) {
	dst, _ = comet.AppendString(dst, t.At.Format(time.TimeOnly))
	dst = append(dst, ", "...)
	return strconv.AppendFloat(dst, t.Price, 'f', 2, 64), nil
}

var ticks = comet.Messages("parent.chart.add", appendTick)

// end snippet

// snippet: marshaler

type Celsius float64

// MarshalComet implements comet.Marshaler.
func (c Celsius) MarshalComet() ([]byte, error) {
	return fmt.Appendf(nil, "parent.degrees(%g)", c), nil
}

var weather = comet.JSON[Celsius]("parent.weather")

// end snippet

func TestEncoders(t *testing.T) {
	last := func(stream enumerator.Enumerator[[]byte]) (last string) {
		for chunk, err := range enumerator.All(t.Context(), stream) {
			require.NoError(t, err)
			last = string(chunk)
		}
		return last
	}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "<script>parent.chart.add('12:00:00', 9.50);</script>", last(enumerator.Through(enumerator.Of(Tick{noon, 9.5}), ticks)))
	require.Equal(t, "<script>parent.weather(parent.degrees(21.5));</script>", last(enumerator.Through(enumerator.Of(Celsius(21.5)), weather)))
}

// snippet: socket

// counting sends a number each second, until the client leaves.
var counting = comet.NewSocket("parent.cometMessage", func(s *comet.Socket) error {
	s.OnDisconnected(func() { log.Print("a client has left") })
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for n := 1; ; n++ {
		if err := s.SendJSON(n); err != nil {
			return err
		}
		select {
		case <-clock.C:
		case <-s.Context().Done():
			return nil
		}
	}
})

// end snippet

func TestSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks, err := enumerator.Run(t.Context(), counting, iteratee.TakeUpTo[[]byte](3))
		require.NoError(t, err)
		require.Equal(t, "<script>parent.cometMessage(2);</script>", string(chunks[2]))
	})
}

// snippet: events

// chat sends each message as a server-sent event.
func chat(*http.Request) (enumerator.Enumerator[[]byte], error) {
	return enumerator.Through(enumerator.Of("kiki", "foo", "two\nlines"), eventsource.String()), nil
}

var chatHandler = httpadapter.Handler(chat, httpadapter.EventStream())

// end snippet

// snippet: read

// read prints the messages of a stream and returns the last id, for resuming.
func read(ctx context.Context, response *http.Response) (lastID string, err error) {
	const limit = 1 << 20 // bytes of one event

	// With a media type, a login page is an error. Without one, it is a stream without events.
	body := httpadapter.Response(response, "text/event-stream")
	events := enumerator.Through(body, eventsource.Decode(limit))
	for e, err := range enumerator.All(ctx, events) {
		if err != nil {
			return lastID, err
		}
		fmt.Println(e.Data)
		lastID = e.ID
	}
	return lastID, nil
}

// end snippet

func Example_read() {
	server := httptest.NewServer(chatHandler)
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.Header.Get("Content-Type"))
	if _, err := read(context.Background(), response); err != nil {
		log.Fatal(err)
	}
	// Output:
	// text/event-stream
	// kiki
	// foo
	// two
	// lines
}

// snippet: gateway

// gateway passes on the events of another server.
func gateway(r *http.Request) (stream enumerator.Enumerator[[]byte], err error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, upstream, nil)
	if err != nil {
		return stream, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return stream, err
	}
	body := httpadapter.Response(response, "text/event-stream")
	return enumerator.Through(body, eventsource.WholeEvents(1<<20)), nil
}

var gatewayHandler = httpadapter.Handler(gateway, httpadapter.EventStream())

// end snippet

var upstream string // a URL

func Example_gateway() {
	server := httptest.NewServer(chatHandler)
	defer server.Close()
	upstream = server.URL
	answer := httptest.NewRecorder()
	gatewayHandler.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	fmt.Print(answer.Body)
	// Output:
	// data: kiki
	//
	// data: foo
	//
	// data: two
	// data: lines
}

// snippet: transports

// hub holds the last messages for clients that reconnect.
var hub = enumerator.Broadcast[string](enumerator.Capacity(1000))

type (
	request = *http.Request
	chunks  = enumerator.Enumerator[[]byte]
)

func iframe(r request) (chunks, error) {
	items := hub.From(comet.Cursor(r.Header, r.URL.Query()))
	calls := comet.Messages("parent.cometMessage", comet.WithPosition(comet.AppendString), comet.RemoveScripts())
	return enumerator.Through(items, calls), nil
}

func events(r request) (chunks, error) {
	items := hub.From(comet.Cursor(r.Header, r.URL.Query()))
	return enumerator.Through(items, eventsource.Messages(eventsource.WithPosition(eventsource.FromString))), nil
}

func lines(r request) (chunks, error) {
	items := hub.From(comet.Cursor(r.Header, r.URL.Query()))
	return enumerator.Through(items, records), nil
}

func poll(r request) (chunks, error) {
	items := comet.LongPoll(hub, comet.Cursor(r.Header, r.URL.Query()), 25*time.Second)
	return enumerator.Through(items, records), nil
}

// records turns each item into a line of JSON. Use ndjson.EncodeSeq for a JSON text sequence.
var records = enumeratee.Compose(enumeratee.Map(comet.RecordOf[string]), ndjson.Encode[comet.Record]())

// end snippet

// snippet: join

// prices are a second source for the same page.
var prices = enumerator.Broadcast[float64](enumerator.Capacity(1000))

// dashboard returns both over one connection. A message has the name of its source. A new page begins with the last
// 20 messages of each source.
func dashboard(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[enumerator.Item[any]], error) {
	cursor := comet.CursorText(r.Header, r.URL.Query())
	sources := map[string]enumerator.Source[any]{"news": items.Any(hub), "prices": items.Any(prices)}
	if r.URL.Query().Get("transport") == "poll" { // needed only if pages ask for it
		return comet.LongPollJoin(cursor, sources, 20, 25*time.Second), nil
	}
	return items.Join(cursor, sources, 20), nil
}

var dashboardHandler = client.Handler(dashboard)

// end snippet

func TestDashboard(t *testing.T) {
	w := httptest.NewRecorder()
	dashboardHandler.ServeHTTP(w, httptest.NewRequest("HEAD", "/", nil))
	assert.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
}

// The texts of positions in comet.md.
func TestTextsOfPositions(t *testing.T) {
	assert.Equal(t, "1z-22s", enumerator.Position{Epoch: 71, Seq: 100}.String())
	assert.Equal(t, "error:1z-19,line:-1c", items.Cursor(map[string]enumerator.Position{
		"error": {Epoch: 71, Seq: 9}, "line": {Epoch: 71, Seq: 12},
	}))
}

// snippet: count

// A Count is the number of messages in the second before At.
type Count struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// count pushes a Count into counts each second, until ctx ends.
func count(ctx context.Context, messages *enumerator.Hub[string], counts *enumerator.Hub[Count]) error {
	arrived := enumerator.Map(messages.Live(), func(i enumerator.Item[string]) Count {
		if i.IsMessage() {
			return Count{N: 1}
		}
		return Count{N: int(i.Gap.N)} // the messages that this run was too slow for
	})
	ticks := enumerator.Map(enumerator.Interval(time.Second), func(now time.Time) Count { return Count{At: now} })
	n := 0
	add := func(ctx context.Context, c Count) error {
		n += c.N
		if c.At.IsZero() {
			return nil
		}
		c.N, n = n, 0
		return counts.Push(ctx, c)
	}
	_, err := enumerator.Run(ctx, enumerator.Interleave(arrived, ticks), iteratee.ForEach(add))
	return err
}

// end snippet

func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		messages := enumerator.Broadcast[string](enumerator.Capacity(2), enumerator.WhenFull(enumerator.DropOldest))
		counts := enumerator.Broadcast[Count]()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		begin := time.Now()
		go func() { ended <- count(ctx, messages, counts) }()
		time.Sleep(time.Second / 2)        // the messages come between two ticks
		for _, n := range []int{3, 0, 1} { // three messages at once may leave a gap
			for range n {
				require.NoError(t, messages.Push(ctx, "message"))
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		counts.End()

		var got []enumerator.Item[Count]
		for item, err := range enumerator.All(t.Context(), counts.FromOrLast(enumerator.Position{}, 60)) {
			require.NoError(t, err)
			if item.IsMessage() {
				got = append(got, item)
			}
		}
		require.Len(t, got, 3)
		at := func(second int) time.Time { return begin.Add(time.Duration(second) * time.Second) }
		assert.Equal(t, []Count{{at(1), 3}, {at(2), 0}, {at(3), 1}}, []Count{got[0].Value, got[1].Value, got[2].Value})

		// A client that comes back gets the seconds that it missed.
		missed, err := enumerator.Run(t.Context(), enumerator.Values(counts.FromOrLast(got[0].Position, 60), nil), iteratee.Collect[Count]())
		require.NoError(t, err)
		assert.Equal(t, []Count{{at(2), 0}, {at(3), 1}}, missed)
	})
}

func Example_join() {
	cursor := items.Cursor(map[string]enumerator.Position{"news": hub.Position(), "prices": prices.Position()})
	if err := prices.Push(context.Background(), 9.5); err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/?lastEventId="+url.QueryEscape(cursor), nil)
	merged, err := dashboard(r, enumerator.Position{})
	if err != nil {
		log.Fatal(err)
	}
	for item, err := range enumerator.All(context.Background(), merged) {
		if err != nil {
			log.Fatal(err)
		}
		if item.IsMessage() {
			fmt.Println(item.Event, item.Value)
			break
		}
	}
	// Output: prices 9.5
}

// snippet: notices

// fragments sends HTML that Turbo puts into the page. If messages are missing, Turbo refreshes the page.
func fragments(r request) (chunks, error) {
	items := hub.From(comet.Cursor(r.Header, r.URL.Query()))
	events := eventsource.WithNotices(eventsource.FromString, eventsource.Turbo)
	return enumerator.Through(items, eventsource.Messages(events)), nil
}

// end snippet

func Example_recover() {
	// snippet: recover

	encode := comet.Recover(
		eventsource.Messages(eventsource.WithPosition(eventsource.FromJSON[float64])),
		func(_ context.Context, err error, i enumerator.Item[float64]) error {
			fmt.Printf("%v is not sent: %v\n", i.Value, err)
			return nil // go on
		},
	)
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	items := enumerator.Of(
		enumerator.Item[float64]{Value: 1.5, Position: at(8)},
		enumerator.Item[float64]{Value: math.NaN(), Position: at(9)},
		enumerator.Item[float64]{Value: 2.5, Position: at(10)},
	)
	show(enumerator.Through(items, encode))
	// Output:
	// data: 1.5
	// id: 1z-18
	// NaN is not sent: comet/eventsource: Messages: json: unsupported value: NaN
	// event: gap
	// data: {"from":"1z-19","count":1}
	// id: 1z-19
	// data: 2.5
	// id: 1z-1a
}

func TestTransports(t *testing.T) {
	start := hub.Position()
	for _, message := range []string{"kiki", "foo"} {
		require.NoError(t, hub.Push(t.Context(), message))
	}
	second := enumerator.Position{Epoch: start.Epoch, Seq: start.Seq + 2}
	id := second.String()
	for _, c := range []struct {
		transport func(request) (chunks, error)
		want      string
	}{
		{iframe, "<script>document.currentScript.remove();parent.cometMessage('foo','" + id + "');</script>"},
		{events, "data: foo\nid: " + id + "\n\n"},
		{fragments, "data: foo\nid: " + id + "\n\n"},
		{lines, `{"id":"` + id + `","data":"foo"}` + "\n"},
		{poll, `{"id":"` + id + `","data":"foo"}` + "\n"},
	} {
		r := httptest.NewRequest("GET", "/?lastEventId="+start.String(), nil)
		stream, err := c.transport(r)
		require.NoError(t, err)
		var got []byte
		for chunk, err := range enumerator.All(t.Context(), stream) {
			require.NoError(t, err)
			if got = chunk; strings.Contains(string(chunk), id) {
				break
			}
		}
		require.Equal(t, c.want, string(got))
	}
}

func Example_hostile() {
	// snippet: hostile

	hostile := `');</script><script>alert('I am in`
	stream := enumerator.Through(
		enumerator.Of(hostile),
		comet.String("parent.cometMessage", comet.Preamble("<!DOCTYPE html>")),
	)
	show(stream)
	// Output:
	// <!DOCTYPE html>
	// <script>parent.cometMessage('\');\u003c\/script\u003e\u003cscript\u003ealert(\'I am in');</script>
}

// snippet: nonce

func serveWithNonce(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text() // one for each response
	stream := enumerator.Through(
		enumerator.Of("kiki", "foo", "bar"),
		comet.String("parent.cometMessage", comet.Nonce(nonce)),
	)
	err := httpadapter.Serve(w, r, stream,
		httpadapter.Comet(),
		httpadapter.Header("Content-Security-Policy", "script-src 'nonce-"+nonce+"'"),
	)
	if err != nil && !errors.Is(err, httpadapter.ErrClientGone) {
		log.Print(err)
	}
}

// end snippet

func TestServeWithNonce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(serveWithNonce))
	defer server.Close()
	seen := map[string]bool{}
	for range 2 {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		policy := regexp.MustCompile(`^script-src 'nonce-(\w+)'$`).FindStringSubmatch(response.Header.Get("Content-Security-Policy"))
		require.NotNil(t, policy)
		require.Equal(t, 3, strings.Count(string(text), `<script nonce="`+policy[1]+`">parent.cometMessage(`))
		seen[policy[1]] = true
	}
	require.Len(t, seen, 2)
}

// show prints the chunks of a stream, without the padding.
func show(stream enumerator.Enumerator[[]byte]) {
	for chunk, err := range enumerator.All(context.Background(), stream) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", bytes.TrimSpace(chunk))
	}
}

// snippet: anew

// A part is a token of an answer, or the reason why no more tokens come. If Anew is true, the answer begins anew, and the
// tokens before it do not count.
type part struct {
	Token   string `json:"token,omitempty"`
	Problem string `json:"problem,omitempty"`
	Anew    bool   `json:"anew,omitempty"`
}

// completion is the answer of a model that cannot resume. ask sends the question, with its context. If the model fails or
// cuts the connection, completion waits and asks again. It fails after a refusal such as a 400, and after five failures in
// a row. An attempt that has lasted for ten seconds starts the count anew.
func completion(ask func(context.Context) (*http.Response, error)) enumerator.Enumerator[part] {
	events := enumerator.Defer(func(ctx context.Context) (events enumerator.Enumerator[eventsource.Event], err error) {
		response, err := ask(ctx)
		if err != nil {
			return events, err
		}
		return enumerator.Through(httpadapter.Response(response, "text/event-stream"), eventsource.Decode(1<<20)), nil
	})
	tokens := enumerator.Through(
		retry.Endless(events), // an answer without its last event is not complete
		enumeratee.Compose(
			enumeratee.TakeWhile(func(e eventsource.Event) bool { return e.Data != "[DONE]" }),
			enumeratee.Map(func(e eventsource.Event) part { return part{Token: e.Data} }),
		),
	)
	return retry.Restart(enumerator.Of(part{Anew: true}).AndThen(tokens), retry.MaxTries(5))
}

// end snippet

func TestCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := iotest.ErrReader(io.ErrUnexpectedEOF)
		bodies := []io.Reader{
			io.MultiReader(strings.NewReader("data: a\n\ndata: b\n\n"), cut),
			strings.NewReader("data: c\n\n"), // ends in good order, but too early
			strings.NewReader("data: d\n\ndata: e\n\ndata: [DONE]\n\n"),
		}
		source := completion(func(context.Context) (*http.Response, error) {
			body := bodies[0]
			bodies = bodies[1:]
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(body),
			}, nil
		})
		got, err := enumerator.Run(t.Context(), source, iteratee.Collect[part]())
		require.NoError(t, err)
		assert.Equal(t, []part{{Anew: true}, {Token: "a"}, {Token: "b"}, {Anew: true}, {Token: "c"}, {Anew: true}, {Token: "d"}, {Token: "e"}}, got)
	})
}
