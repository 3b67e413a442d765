//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/iteratee"
)

// A plan is the size of a load.
type plan struct {
	topics  int
	rate    int // messages a second of each topic
	readers int // one in five of them reads all topics, and each of the others one
}

// A load publishes messages at the nodes, and reads them there.
type load struct {
	plan
	targets []string // the URLs of the nodes
	ledger  *ledger
	records []*record
	drop    func(enumerator.Item[message]) bool // for tests: the readers lose the Items for which it returns true

	// patience is the time for which a publisher tries. It is less than the time for which the store knows a key. It is
	// also the time for the readers to get the last messages.
	patience time.Duration

	client      *http.Client // of the publishers
	reading     sync.WaitGroup
	stopReaders context.CancelFunc
	pacing      sync.WaitGroup
	stopPacers  context.CancelFunc
	publishing  sync.WaitGroup
}

const (
	timeout = 3 * time.Second        // for the answer to one attempt to publish
	pace    = 100 * time.Millisecond // between two attempts of a reader
	beat    = time.Second            // between two heartbeats of a node
)

func startLoad(ctx context.Context, p plan, nodes []string, drop func(enumerator.Item[message]) bool) *load {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 100,
		IdleConnTimeout:     10 * time.Second,
		DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
	}
	l := &load{plan: p, targets: nodes, ledger: newLedger(), drop: drop, patience: time.Minute, client: &http.Client{Transport: transport, Timeout: timeout}}
	var topics []string
	for n := range p.topics {
		topics = append(topics, fmt.Sprintf("topic %c", 'A'+n))
	}
	readersCtx, stopReaders := context.WithCancel(ctx)
	l.stopReaders = stopReaders
	for n := range p.readers {
		r := &record{reader: fmt.Sprintf("reader %d", n+1), node: -1, topics: topics, got: map[string][]receipt{}}
		if n%5 < 4 {
			r.topics = topics[n%len(topics):][:1]
		}
		l.records = append(l.records, r)
		l.reading.Go(func() { l.read(readersCtx, r, n%len(nodes)) })
	}
	return l
}

// read keeps r up to date until ctx ends. The first attempt is at the node with the number first. Each later attempt
// is at the next node.
func (l *load) read(ctx context.Context, r *record, first int) {
	query := url.Values{"topic": r.topics, "transport": {"events"}}.Encode()
	request := func(ctx context.Context) (*http.Request, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.node < 0 {
			r.node = first
		} else {
			r.node = (r.node + 1) % len(l.targets)
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, l.targets[r.node]+"/messages?"+query, nil)
	}
	transport := &http.Transport{
		DisableKeepAlives:     true,
		DialContext:           (&net.Dialer{Timeout: time.Second}).DialContext,
		ResponseHeaderTimeout: 2 * time.Second,
	}
	stream := follow.Items[message](request,
		follow.HTTPClient(&http.Client{Transport: transport}),
		follow.Retry(retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(pace) })))
	_, err := enumerator.Run(ctx, stream, iteratee.ForEach(func(_ context.Context, item enumerator.Item[message]) error {
		if l.drop == nil || !l.drop(item) {
			r.take(item, time.Now())
		}
		return nil
	}))
	if ctx.Err() == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = errors.Join(err, errors.New("the stream was ended"))
	}
}

// positionIn returns the Position of topic in the cursor of several.
func positionIn(cursor, topic string) enumerator.Position {
	positions, err := items.ParseCursor(cursor)
	if err != nil {
		return enumerator.Position{} // no message has this Position
	}
	return positions[topic]
}

// publish starts the publishers.
func (l *load) publish(ctx context.Context) {
	ctx, l.stopPacers = context.WithCancel(ctx)
	for n := range l.topics {
		l.pacing.Go(func() {
			topic := fmt.Sprintf("topic %c", 'A'+n)
			ticker := time.NewTicker(time.Second / time.Duration(l.rate))
			defer ticker.Stop()
			for number := 1; ; number++ {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				key := fmt.Sprintf("%s%06d", topic, number)
				l.publishing.Go(func() { l.publishOne(topic, key) })
			}
		})
	}
}

func (l *load) publishOne(topic, key string) {
	l.ledger.begin()
	start := time.Now()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		p, err := l.post(topic, key)
		if err == nil {
			l.ledger.ack(topic, key, p, time.Since(start))
			return
		}
		if time.Since(start) > l.patience {
			l.ledger.refuse(topic, key, err)
			return
		}
		time.Sleep(wait + rand.N(wait))
	}
}

// post makes one attempt at a random node.
func (l *load) post(topic, key string) (p enumerator.Position, err error) {
	target := l.targets[rand.N(len(l.targets))] + "/messages?" + url.Values{"topic": {topic}}.Encode()
	body := fmt.Sprintf(`{"key":%q,"text":%q}`, key, strings.Repeat("x", 100))
	request, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return p, err
	}
	request.Header.Set("Idempotency-Key", key)
	response, err := l.client.Do(request)
	if err != nil {
		return p, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return p, err
	}
	if response.StatusCode != http.StatusOK {
		return p, fmt.Errorf("%s: %s", response.Status, text)
	}
	return enumerator.ParsePosition(string(text))
}

// end stops the publishers, waits until each reader has got all, and stops the readers.
func (l *load) end() verdict {
	l.stopPacers()
	l.pacing.Wait()
	l.publishing.Wait()
	for deadline := time.Now().Add(l.patience); l.behind() > 0 && time.Now().Before(deadline); {
		time.Sleep(pace)
	}
	time.Sleep(pace) // messages may come again
	l.stopReaders()
	l.reading.Wait()
	l.client.CloseIdleConnections()
	return l.ledger.judge(l.records)
}

// behind returns the number of acknowledged messages that some readers have not got.
func (l *load) behind() (n int) {
	for _, r := range l.records {
		n += max(0, l.ledger.owed(r.topics)-r.count())
	}
	return n
}
