package parse

import (
	"context"
	"net/http"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// MaxLength returns parser limited to limit bytes. If more bytes come, parser gets the bytes up to
// the limit, and then the run ends with status 413. If parser is done by then, there is no error,
// and the bytes beyond the limit are left over. MaxLength panics if limit is negative.
//
// Play calls it parse.maxLength; there the whole body is read.
func MaxLength[A any](parser iteratee.Iteratee[[]byte, A], limit int64) iteratee.Iteratee[[]byte, A] {
	check.NotNegative("httpadapter/parse: MaxLength: limit", limit)
	return maxLength(parser, limit)
}

func maxLength[A any](parser iteratee.Iteratee[[]byte, A], limit int64) iteratee.Iteratee[[]byte, A] {
	return enumeratee.Transform(enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		return &limiter{Stage: stage, limit: limit, left: limit, out: out}, iteratee.StepCont
	}), parser)
}

// limiter is one run of maxLength.
type limiter struct {
	enumeratee.Stage
	limit int64
	left  int64  // of the limit
	over  []byte // the bytes beyond the limit
	out   iteratee.Outlet[[]byte]
	end   iteratee.Step
}

func (l *limiter) Next(chunk []byte) iteratee.Step {
	if !l.end.IsCont() {
		return l.end
	}
	if int64(len(chunk)) > l.left {
		chunk, l.over = chunk[:l.left:l.left], chunk[l.left:]
	}
	l.left -= int64(len(chunk))
	if len(chunk) > 0 {
		l.end = l.out.Next(chunk)
	}
	if l.end.IsCont() && l.over != nil {
		l.end = iteratee.StepError(tooLong(l.limit))
	}
	return l.end
}

func (l *limiter) Rest() iteratee.Input[[]byte] {
	rest := l.out.Rest()
	if l.over != nil {
		rest = rest.Then(iteratee.El(l.over))
	}
	return rest
}

// limited is maxLength for a parser of the body of r. A body that is declared too long is not read,
// and an error of parser without a status gets status 400.
func limited[A any](r *http.Request, parser iteratee.Iteratee[[]byte, A], limit int64) (iteratee.Iteratee[[]byte, A], error) {
	if r.ContentLength > limit {
		return parser, tooLong(limit)
	}
	return failingWithBadRequest(maxLength(parser, limit)), nil
}

// inMemory returns the parser that collects the body of r, of limit bytes at most, and decodes it at
// the end.
func inMemory[A any](r *http.Request, limit int64, decode func(body []byte) (A, error)) (iteratee.Iteratee[[]byte, A], error) {
	return limited(r, iteratee.MapM(iteratee.Consume[byte](), func(_ context.Context, body []byte) (A, error) {
		return decode(body)
	}), limit)
}
