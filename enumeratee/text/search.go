package text

import (
	"bytes"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// MatchInfo is a piece of a stream in which [Search] has looked for a pattern: the
// pattern, or bytes between two of it. It is never empty.
type MatchInfo struct {
	Content []byte
	IsMatch bool
}

// Search returns the adapter that cuts a stream of bytes into pieces that are pattern
// and pieces that are not, from left to right: matches do not overlap. All pieces
// together are the stream. What lies between two matches can come in several pieces,
// since chunks are not joined.
//
// Bytes that may begin a match wait for the next chunk, and are handed on as unmatched
// when it does not go on so, at the latest at EOF. A piece within a chunk is a part of
// it, not a copy, with its capacity cut.
//
// If the consumer ends on a piece, the bytes after it are left over, matches included,
// and before them what the consumer leaves over. Search panics if pattern is empty.
//
// It is Play's Parsing.search.
func Search(pattern []byte) enumeratee.Enumeratee[[]byte, MatchInfo] {
	if len(pattern) == 0 {
		panic("enumeratee/text: Search: pattern must not be empty")
	}
	p := newPattern(pattern)
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[MatchInfo]) (iteratee.Sink[[]byte], iteratee.Step) {
		s := &search{stop: stage.Stop(), cancelled: stage.Cancelled(), out: out, pattern: p}
		return s, iteratee.StepCont
	})
}

type search struct {
	pattern
	stop      iteratee.Step
	cancelled func() iteratee.Step
	out       iteratee.Outlet[MatchInfo]
	held      int // how many bytes may begin a match: they are the first ones of the pattern
	end       iteratee.Step
	last      last
}

func (s *search) Next(chunk []byte) iteratee.Step {
	if s.held > 0 && s.end.IsCont() {
		chunk = s.resume(chunk)
	}
	for s.end.IsCont() && len(chunk) > 0 {
		at := bytes.Index(chunk, s.seq)
		if at < 0 {
			s.held = s.begun(chunk)
			s.hand(chunk, len(chunk)-s.held, false)
			break
		}
		if s.hand(chunk, at, false) {
			s.hand(chunk[at:], len(s.seq), true)
		}
		chunk = chunk[at+len(s.seq):]
	}
	return s.end
}

func (s *search) EOF() iteratee.Step {
	if s.end.IsCont() && s.hand(bytes.Clone(s.seq[:s.held]), s.held, false) {
		s.end = s.stop
	}
	return s.end
}

func (s *search) Rest() iteratee.Input[[]byte] {
	var parts [][]byte
	for _, piece := range s.out.Rest().Els() {
		parts = append(parts, piece.Content)
	}
	return s.last.rest(parts, "")
}

// resume decides with chunk about the bytes that are held. It hands on those that begin
// no match, and the match if there is one, and returns what of chunk is to be searched.
func (s *search) resume(chunk []byte) []byte {
	matched, n := s.held, 0 // of the matched bytes n are in chunk
	for n < matched && matched < len(s.seq) && n < len(chunk) {
		if s.seq[matched] == chunk[n] {
			matched++
			n++
		} else {
			matched = s.borders[matched]
		}
	}
	held, before := s.held, max(0, matched-n) // of the matched bytes so many are held
	if s.held = 0; !s.hand(bytes.Clone(s.seq[:held-before]), held-before, false) {
		s.last.from = slices.Concat(s.seq[:held], chunk)
		return nil
	}
	switch {
	case before == 0:
		return chunk
	case matched < len(s.seq):
		s.held = matched
		return nil
	}
	if !s.hand(bytes.Clone(s.seq), len(s.seq), true) {
		s.last.from = slices.Concat(s.seq, chunk[n:])
	}
	return chunk[n:]
}

// hand hands on the piece of n bytes with which from begins, if it is not empty, and
// reports whether the consumer wants more.
func (s *search) hand(from []byte, n int, isMatch bool) bool {
	if n == 0 {
		return true
	}
	if s.end = s.out.Next(MatchInfo{from[:n:n], isMatch}); s.end.IsCont() {
		s.end = s.cancelled()
	}
	if !s.end.IsCont() {
		s.last = last{from: from, content: n, whole: n}
	}
	return s.end.IsCont()
}

// A pattern knows what of it can begin where it ends: it is that of Knuth, Morris and
// Pratt, used where chunks meet.
type pattern struct {
	seq []byte

	// borders[n] is the length of the longest part that the first n bytes both
	// begin and end with, themselves left out.
	borders []int
}

func newPattern(b []byte) pattern {
	p := pattern{bytes.Clone(b), make([]int, len(b)+1)}
	for i := 1; i < len(b); i++ {
		p.borders[i+1] = p.extend(p.borders[i], b[i])
	}
	return p
}

// extend returns how many of the first bytes of the pattern end what was seen, if it
// was n of them before the byte b, and not all.
func (p pattern) extend(n int, b byte) int {
	for n > 0 && p.seq[n] != b {
		n = p.borders[n]
	}
	if p.seq[n] == b {
		n++
	}
	return n
}

// begun returns how many bytes at the end of chunk, in which there is no match, may
// begin one.
func (p pattern) begun(chunk []byte) (n int) {
	for _, b := range chunk[max(0, len(chunk)-len(p.seq)+1):] {
		n = p.extend(n, b)
	}
	return n
}
