package httpadapter

import "context"

// maxPiece is the most that is written under one deadline: it is small beside what the kernel holds,
// and large beside what it costs.
const maxPiece = 128 << 10

// maxFrame is the most on HTTP/2, where the streams of a connection take turns with frames.
const maxFrame = 16 << 10

// writePieces writes chunk under the deadline that is set, and under a new one for each piece after
// the first. So a deadline measures whether the client makes progress, however large the chunk is.
// A ResponseWriter that collects gets no more than a piece to hand on at once either. The client
// may need long for the whole chunk, so the end of the request's context counts between two pieces.
func (s *stream) writePieces(chunk []byte) error {
	most := maxPiece
	if s.r.ProtoMajor > 1 {
		most = maxFrame
	}
	for {
		piece := chunk[:min(len(chunk), most)]
		if s.held > 0 && s.held+len(piece) > most {
			if err := s.flushWriter(); err != nil {
				return err
			}
			s.extend()
		}
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
		s.held += len(piece)
		if chunk = chunk[len(piece):]; len(chunk) == 0 {
			return nil
		}
		if err := context.Cause(s.r.Context()); err != nil {
			return err
		}
		s.extend()
	}
}

// flushWriter has the ResponseWriter hand on what it holds.
func (s *stream) flushWriter() error {
	s.held = 0
	return s.rc().Flush()
}

// encoded writes the bytes that an Encoder has made.
type encoded struct{ *stream }

func (e encoded) Write(p []byte) (int, error) {
	if err := context.Cause(e.r.Context()); err != nil {
		return 0, err
	}
	e.extend()
	if err := e.writePieces(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
