package iterateetest

import (
	"context"
	"fmt"
	"reflect"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

// outcome is the visible outcome of a run.
type outcome[E, A any] struct {
	took       int  // the number of elements
	atEOF      bool // it wanted more after those
	result     A
	err        error
	rest       []E
	endsStream bool // it leaves over an EOF that it was not handed
}

// hand is a way to hand over elements until the sink ends.
type hand[E any] func(iteratee.Sink[E], []E) (int, iteratee.Step)

// run runs consumer over in. It calls the functions of then between the last answer and the
// result.
func run[E, A any](ctx context.Context, consumer iteratee.Iteratee[E, A], in []E, hand hand[E],
	then ...func(iteratee.Sink[E], iteratee.Step) iteratee.Step) (o outcome[E, A]) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r, step := consumer.Start(ctx)
	return drive(r, step, in, hand, then...)
}

// runs runs consumer over one stream, resets it, and runs it over another. ok is false if it cannot be
// reset.
func runs[E, A any](ctx context.Context, consumer iteratee.Iteratee[E, A], one []E, first hand[E], other []E, second hand[E]) (a, b outcome[E, A], ok bool) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r, step := consumer.Start(ctx)
	a = drive(r, step, one, first)
	step, ok = fast.Reset[E, iteratee.Step](r)
	if !ok {
		return a, b, false
	}
	return a, drive(r, step, other, second), true
}

// drive drives r, which has answered step when it started.
func drive[E, A any](r iteratee.Running[E, A], step iteratee.Step, in []E, hand hand[E],
	then ...func(iteratee.Sink[E], iteratee.Step) iteratee.Step) (o outcome[E, A]) {
	if step.IsCont() {
		o.took, step = hand(r, in)
	}
	o.atEOF = step.IsCont()
	for _, f := range then {
		step = f(r, step)
	}
	o.result, o.err = iteratee.Finish(r, step)
	rest := r.Rest()
	o.rest, o.endsStream = rest.Els(), rest.IsEOF() && !o.atEOF
	return o
}

func oneByOne[E any](s iteratee.Sink[E], es []E) (n int, step iteratee.Step) {
	for n < len(es) && step.IsCont() {
		step = s.Next(es[n])
		n++
	}
	return n, step
}

// together hands over all elements in one call.
func together[E any](s iteratee.Sink[E], es []E) (int, iteratee.Step) { return iteratee.Offer(s, es) }

// after is like oneByOne, but calls f after n elements, or when the sink ends before.
func after[E any](n int, f func()) hand[E] {
	return func(s iteratee.Sink[E], es []E) (int, iteratee.Step) {
		if taken, step := oneByOne(s, es[:n]); !step.IsCont() {
			f()
			return taken, step
		}
		f()
		taken, step := oneByOne(s, es[n:])
		return n + taken, step
	}
}

func (o outcome[E, A]) equal(p outcome[E, A]) bool {
	return o.took == p.took && o.atEOF == p.atEOF && sameError(o.err, p.err) && o.endsStream == p.endsStream &&
		(o.err != nil || reflect.DeepEqual(o.result, p.result)) && sameElements(o.rest, p.rest)
}

// String returns a predicate for the subject "it".
func (o outcome[E, A]) String() string {
	eof, ends, rest := "", fmt.Sprintf("ends with %+v", show(o.result)), ""
	if o.atEOF {
		eof = " and EOF"
	}
	if o.err != nil {
		ends = fmt.Sprintf("fails (%v)", o.err)
	}
	if len(o.rest) > 0 {
		rest = fmt.Sprintf(", leaves over %v", o.rest)
	}
	return fmt.Sprintf("takes %d%s, %s%s", o.took, eof, ends, rest)
}

// show returns v for a message: the meaning of a Step, or the value behind a pointer.
func show(v any) any {
	if step, ok := v.(iteratee.Step); ok {
		switch {
		case step.IsCont():
			return "more"
		case step == iteratee.StepDone:
			return "done"
		case step.Err() != nil:
			return fmt.Sprintf("an error (%v)", step.Err())
		}
		return "the stop of an adapter"
	}
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
		return fmt.Sprintf("&%+v", p.Elem())
	}
	return v
}

// same reports a violation if two runs over in differ.
func same[E, A any](r *report.Report, law, how string, in []E, want, got outcome[E, A]) {
	if !got.equal(want) {
		r.Wrong(law, "over %v it %v; %s it %v", in, want, how, got)
	}
}

func sameStep(a, b iteratee.Step) bool {
	return a == b || a.Err() != nil && sameError(a.Err(), b.Err())
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

func sameElements[E any](a, b []E) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// endsWith reports whether part is the end of all, by elements or, if those are slices or
// strings, by the items in them.
func endsWith[E any](all, part []E) bool {
	if n := len(all) - len(part); n >= 0 && sameElements(all[n:], part) {
		return true
	}
	whole, ok := joined(all)
	end, okToo := joined(part)
	n := len(whole) - len(end)
	return ok && okToo && n >= 0 && sameElements(whole[n:], end)
}

func joined[E any](chunks []E) (items []any, ok bool) {
	for _, chunk := range chunks {
		v := reflect.ValueOf(chunk)
		if v.Kind() != reflect.Slice && v.Kind() != reflect.String {
			return nil, false
		}
		for i := range v.Len() {
			items = append(items, v.Index(i).Interface())
		}
	}
	return items, true
}
