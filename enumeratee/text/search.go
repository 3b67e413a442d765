package text

import (
	"bytes"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// MatchInfo is a piece of a stream that [Search] has searched: a match of the pattern, or
// bytes that are not part of a match. It is never empty.
type MatchInfo struct {
	Content []byte
	IsMatch bool
}

// Search returns the adapter that cuts a stream of bytes into pieces: matches of pattern,
// and the bytes between them. The pieces in order make up the whole stream. Matches are
// found from left to right, and do not overlap. The bytes between two matches can come in
// several pieces, since Search does not join chunks.
//
// Bytes at the end of a chunk that may begin a match are held until later chunks decide. If those
// chunks do not complete the match, or at EOF, the bytes are handed on as unmatched. A piece within
// one chunk is a part of that chunk, with its capacity cut.
//
// If the consumer ends on a piece, the leftovers are those of the consumer, followed by
// the bytes after that piece, matches included. Search panics if pattern is empty.
//
// Play calls it Parsing.search.
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
	held      int // the number of bytes that may begin a match, which equal the start of the pattern
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

// resume goes on with the held bytes and chunk. It hands on the held bytes that do not
// begin a match, and the match if chunk completes it. It returns the part of chunk that
// is still to be searched.
func (s *search) resume(chunk []byte) []byte {
	matched, n := s.held, 0 // n of the matched bytes are in chunk
	for n < matched && matched < len(s.seq) && n < len(chunk) {
		if s.seq[matched] == chunk[n] {
			matched++
			n++
		} else {
			matched = s.borders[matched]
		}
	}
	held, before := s.held, max(0, matched-n) // before of the matched bytes are held
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

// hand hands on the first n bytes of from, unless n is 0, and reports whether the
// consumer wants more.
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

// A pattern has the table of Knuth, Morris and Pratt, for matches that span chunks.
type pattern struct {
	seq []byte

	// borders[n] is the length of the longest proper prefix of seq[:n] that is also a
	// suffix of it.
	borders []int
}

func newPattern(b []byte) pattern {
	p := pattern{bytes.Clone(b), make([]int, len(b)+1)}
	for i := 1; i < len(b); i++ {
		p.borders[i+1] = p.extend(p.borders[i], b[i])
	}
	return p
}

// extend returns the length of the longest prefix of the pattern that the input ends
// with after the byte b, if it ended with a prefix of n bytes before. n is less than the
// length of the pattern.
func (p pattern) extend(n int, b byte) int {
	for n > 0 && p.seq[n] != b {
		n = p.borders[n]
	}
	if p.seq[n] == b {
		n++
	}
	return n
}

// begun returns the number of bytes at the end of chunk that may begin a match. There is
// no match in chunk.
func (p pattern) begun(chunk []byte) (n int) {
	for _, b := range chunk[max(0, len(chunk)-len(p.seq)+1):] {
		n = p.extend(n, b)
	}
	return n
}
