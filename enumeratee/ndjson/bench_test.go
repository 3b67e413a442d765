package ndjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// benchmark runs ours and theirs with n messages in turn, and reports the time of ours in multiples
// of that of theirs.
func benchmark(b *testing.B, n int, ours, theirs func() error) {
	var us, them time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer() // count only the allocations of ours
		start := time.Now()
		if err := theirs(); err != nil {
			b.Fatal(err)
		}
		them += time.Since(start)
		b.StartTimer()

		start = time.Now()
		if err := ours(); err != nil {
			b.Fatal(err)
		}
		us += time.Since(start)
	}
	b.ReportMetric(float64(us)/float64(them), "x-encoding/json")
	b.ReportMetric(float64(us.Nanoseconds())/float64(b.N*n), "ns/message")
}

const messages = 10_000

func points() []point {
	ps := make([]point, messages)
	for i := range ps {
		ps[i] = point{i, -i, "a note of some length, <b>as</b> they are"}
	}
	return ps
}

// BenchmarkEncode compares Encode with json.Marshal for each value. Encode allocates once per
// message.
func BenchmarkEncode(b *testing.B) {
	ps := points()
	e := enumerator.Through(enumerator.FromSlice(ps), ndjson.Encode[point]())
	benchmark(b, messages, func() error {
		_, err := enumerator.Run(b.Context(), e, iteratee.Ignore[[]byte]())
		return err
	}, func() error {
		for i := range ps {
			if _, err := json.Marshal(&ps[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkDecode compares Decode and DecodeSeq with a json.Decoder.
func BenchmarkDecode(b *testing.B) {
	var lines, seq bytes.Buffer
	for _, p := range points() {
		line, err := json.Marshal(p)
		if err != nil {
			b.Fatal(err)
		}
		lines.Write(append(line, '\n'))
		seq.Write(append(append([]byte{0x1E}, line...), '\n'))
	}
	decoder := func() error {
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		for d.More() {
			var p point
			if err := d.Decode(&p); err != nil {
				return err
			}
		}
		return nil
	}
	for name, e := range map[string]enumerator.Enumerator[point]{
		"lines":    enumerator.Through(chunked(lines.Bytes()), ndjson.Decode[point](1<<20)),
		"sequence": enumerator.Through(chunked(seq.Bytes()), ndjson.DecodeSeq[point](1<<20, nil)),
	} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, messages, func() error {
				_, err := enumerator.Run(b.Context(), e, iteratee.Ignore[point]())
				return err
			}, decoder)
		})
	}
}

func chunked(data []byte) enumerator.Enumerator[[]byte] {
	return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
		return enumerator.FromReader(bytes.NewReader(data), 32<<10), nil
	})
}
