package httpadapter

import (
	"context"
	"os"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// A SavedFile is a file that [ToFile] or [ToTempFile] has written.
type SavedFile struct {
	Name string // its path
	Size int64
}

// ToFile returns the Iteratee that writes the chunks to a new file of that name, as they
// come, and ends with that file. There must be none yet: errors.Is knows fs.ErrExist. The
// file is created, for its owner alone, with the first chunk or at EOF, and closed before
// the run is over.
//
// If the run fails, or ends before EOF, the file is removed; within [Parse], also if
// that fails later. Otherwise it belongs to the caller.
//
// It is Play's parse.file, which opens the file when it sees the header, writes over what
// is there, and keeps half a file.
func ToFile(name string) iteratee.Iteratee[[]byte, SavedFile] {
	return toFile(func() (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
}

// ToTempFile is [ToFile] with a new name in dir for each run; an empty dir is the system's
// for temporary files. The caller removes or renames the file.
//
// It is Play's parse.temporaryFile.
func ToTempFile(dir string) iteratee.Iteratee[[]byte, SavedFile] {
	return toFile(func() (*os.File, error) { return os.CreateTemp(dir, "halley-*") })
}

func toFile(create func() (*os.File, error)) iteratee.Iteratee[[]byte, SavedFile] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[[]byte, SavedFile] {
		s := &saving{create: create}
		s.parsing, _ = ctx.Value(parsingKey{}).(*parsing)
		iteratee.AtEnd(ctx, s.abandon)
		return iteratee.Running[[]byte, SavedFile]{
			Sink:   iteratee.Sink[[]byte]{Next: s.next, EOF: s.eof, Rest: iteratee.Empty[[]byte]},
			Result: func() (SavedFile, error) { return SavedFile{s.f.Name(), s.size}, nil },
		}
	})
}

// saving is one run of toFile.
type saving struct {
	create  func() (*os.File, error)
	parsing *parsing
	f       *os.File
	size    int64
	end     iteratee.Step
}

func (s *saving) next(chunk []byte) iteratee.Step {
	if s.open(); s.end.IsCont() {
		n, err := s.f.Write(chunk)
		s.size += int64(n)
		s.check(err)
	}
	return s.end
}

func (s *saving) eof() iteratee.Step {
	if s.open(); s.end.IsCont() {
		if s.check(s.f.Close()); s.end.IsCont() {
			s.end = iteratee.StepDone
			if s.parsing != nil {
				s.parsing.files = append(s.parsing.files, s.f.Name())
			}
		}
	}
	return s.end
}

func (s *saving) open() {
	if s.f == nil && s.end.IsCont() {
		f, err := s.create()
		if s.check(err); err == nil {
			s.f = f
		}
	}
}

func (s *saving) check(err error) {
	if err != nil {
		s.end = iteratee.StepError(err)
	}
}

// abandon removes a file that is not complete.
func (s *saving) abandon() {
	if s.f != nil && s.end != iteratee.StepDone {
		s.f.Close() // what counts is that it is gone
		os.Remove(s.f.Name())
	}
}

func (p *parsing) removeFiles() {
	for _, name := range slices.Backward(p.files) {
		os.Remove(name)
	}
}
