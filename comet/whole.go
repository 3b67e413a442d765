package comet

import (
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
)

// WholeScripts returns the adapter that regroups the bytes of a page of script elements. Its
// chunks end between two tags, and never within a script element. It does not change the
// bytes. It is for a gateway: an upstream server's bytes arrive in arbitrary pieces, and a
// heartbeat or another script between two pieces could fall into the middle of an element.
// WholeScripts hands on an element as soon as it is complete, and text outside of elements at
// once.
//
// A script element that is incomplete at EOF is dropped, because browsers do not run it, and bytes
// sent after it would become a part of it. An incomplete tag is dropped too.
//
// An element or a tag of more than limit bytes ends the run with an error that wraps
// [bufio.ErrTooLong], as soon as it exceeds the limit. The elements and the text before it are
// handed on first. WholeScripts holds at most limit bytes and the current chunk. It copies
// bytes only if an element or a tag spans several chunks.
//
// WholeScripts is for pages of the format that this package writes. Pages with a script that
// contains <!--, or with a comment that contains a script, may be cut elsewhere.
//
// If the consumer ends on a chunk, its leftovers and the bytes after the chunk are left over.
// WholeScripts panics if limit is not positive.
func WholeScripts(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	return whole.Chunks(whole.Format{
		Name:    "comet: WholeScripts",
		Unit:    "script element",
		Scanner: func() whole.Scanner { return (&scanner{limit: limit}).scan },
	}, limit)
}

// scanner finds the ends of script elements, other tags, and the text between them.
type scanner struct {
	limit    int // text is cut into units of at most this size
	inTag    bool
	inScript bool   // the start tag of a script element is complete
	name     []byte // the name of the tag, with its slash and the byte after it
}

func (s *scanner) scan(chunk []byte) int {
	for i, c := range chunk {
		switch {
		case c == '<' && i > 0 && !s.inTag && !s.inScript:
			return min(i, s.limit) // the text before it
		case c == '<' && (s.inScript || !s.inTag):
			s.inTag, s.name = true, s.name[:0]
		case !s.inTag:
		case c == '>' && s.inScript:
			s.inTag = false
			if s.isNamed("/script") {
				s.inScript = false
				return i + 1
			}
		case c == '>':
			s.inTag = false
			if s.inScript = s.isNamed("script"); !s.inScript {
				return i + 1
			}
		case len(s.name) <= len("/script"):
			s.name = append(s.name, c)
			switch { // does the < begin a tag after all?
			case s.inScript:
				s.inTag = s.couldBe("/script")
			case !isTag(s.name[0]):
				s.inTag = false
				return i + 1
			}
		}
	}
	if len(chunk) > 0 && !s.inTag && !s.inScript {
		return min(len(chunk), s.limit)
	}
	return -1
}

// couldBe reports whether the name of the tag is name or a prefix of it.
func (s *scanner) couldBe(name string) bool {
	return len(s.name) <= len(name) && strings.EqualFold(string(s.name), name[:len(s.name)]) || s.isNamed(name)
}

func (s *scanner) isNamed(name string) bool {
	return len(s.name) >= len(name) && strings.EqualFold(string(s.name[:len(name)]), name) &&
		(len(s.name) == len(name) || strings.IndexByte(" \t\n\f\r/", s.name[len(name)]) >= 0)
}

// isTag reports whether c after a less-than sign begins a tag.
func isTag(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '!' || c == '?'
}
