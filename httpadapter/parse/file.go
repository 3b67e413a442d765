package parse

import (
	"context"
	"os"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// A SavedFile is a file that [ToFile] or [ToTempFile] has written.
type SavedFile struct {
	Name string // the path of the file
	Size int64  // in bytes
}

// ToFile returns the Iteratee that writes the chunks to a new file called name, and ends with that
// file at EOF. It creates the file, which only its owner can read, with the first chunk or at EOF.
// A file that exists already is an error, for which errors.Is finds fs.ErrExist. The file is closed
// before the run returns.
//
// If the run fails or ends before EOF, the file is removed. Within [Body] it is also removed if Body
// fails later. Otherwise the file belongs to the caller.
//
// Play calls it parse.file; there the file is opened before the first chunk, overwritten if it exists,
// and kept if the body is cut short.
func ToFile(name string) iteratee.Iteratee[[]byte, SavedFile] {
	return toFile(func() (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
}

// ToTempFile is [ToFile] with a new name in dir for each run. If dir is empty, it takes the system's
// folder for temporary files. The caller removes or renames the file.
//
// Play calls it parse.temporaryFile.
func ToTempFile(dir string) iteratee.Iteratee[[]byte, SavedFile] {
	return toFile(func() (*os.File, error) { return os.CreateTemp(dir, "halley-*") })
}

func toFile(create func() (*os.File, error)) iteratee.Iteratee[[]byte, SavedFile] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, SavedFile], iteratee.Step) {
		s := &saving{create: create, parsing: parsingOf(ctx)}
		iteratee.AtEnd(ctx, s.abandon)
		return s, iteratee.StepCont
	})
}

// saving is one run of toFile.
type saving struct {
	create  func() (*os.File, error)
	parsing *parsing // nil outside Body
	f       *os.File // nil before it is created
	size    int64
	end     iteratee.Step
}

func (s *saving) Next(chunk []byte) iteratee.Step {
	if s.open(); s.end.IsCont() {
		n, err := s.f.Write(chunk)
		s.size += int64(n)
		s.check(err)
	}
	return s.end
}

func (s *saving) EOF() iteratee.Step {
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

func (s *saving) Rest() iteratee.Input[[]byte] { return iteratee.Empty[[]byte]() }
func (s *saving) Result() (SavedFile, error)   { return SavedFile{s.f.Name(), s.size}, nil }

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
		s.f.Close() // an error does not matter, since the file is removed
		os.Remove(s.f.Name())
	}
}

// removeFiles removes the complete files after a call of Body has failed.
func (p *parsing) removeFiles() {
	for _, name := range slices.Backward(p.files) {
		os.Remove(name)
	}
}
