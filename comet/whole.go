package comet

import (
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
)

// WholeScripts returns the adapter that hands on a page of script elements in chunks that end
// between two tags, and never within an element, with their bytes unchanged. It is for a gateway:
// bytes come from an upstream server in any pieces, and a heartbeat or a script that goes out between
// two of them must not fall into the middle of another. An element is handed on as soon as it has
// ended, and text outside of the elements at once.
//
// A script element that is not complete at EOF is dropped: browsers do not run it, and bytes that are
// sent after it would become a part of it. A tag that is not complete is dropped too.
//
// An element or a tag of more than limit bytes ends the run with an error that wraps
// [bufio.ErrTooLong], as soon as that is seen; the elements and the text before it have been handed on by
// then. So WholeScripts holds no more than limit and the chunk that it is handed. Elements that are
// within one chunk are handed on as a part of it, and not as a copy.
//
// WholeScripts knows pages such as this package writes. A page with scripts that hold <!--, or with
// comments that hold scripts, may be cut elsewhere. If the consumer ends on a chunk,
// the bytes that follow are left over, and before them what the consumer leaves over. WholeScripts
// panics if limit is not positive.
func WholeScripts(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	return whole.Chunks(whole.Format{
		Name:    "comet: WholeScripts",
		Unit:    "script element",
		Scanner: func() whole.Scanner { return (&scanner{limit: limit}).scan },
	}, limit)
}

// scanner looks for the ends of script elements, of other tags, and of the text between them.
type scanner struct {
	limit    int // of a unit, which text has none of
	inTag    bool
	inScript bool   // after the tag that begins an element
	name     []byte // of the tag, with a slash, and the byte that follows it
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
			switch { // or it is a less-than sign
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

// couldBe reports whether the name of the tag is name, or begins like that.
func (s *scanner) couldBe(name string) bool {
	return len(s.name) <= len(name) && strings.EqualFold(string(s.name), name[:len(s.name)]) || s.isNamed(name)
}

func (s *scanner) isNamed(name string) bool {
	return len(s.name) >= len(name) && strings.EqualFold(string(s.name[:len(name)]), name) &&
		(len(s.name) == len(name) || strings.IndexByte(" \t\n\f\r/", s.name[len(name)]) >= 0)
}

// isTag reports whether a tag can begin with a less-than sign and c.
func isTag(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '!' || c == '?'
}
