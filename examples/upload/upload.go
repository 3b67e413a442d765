// Package upload shows the progress of an upload while it arrives.
//
// The page opens two connections. Over one it sends the form. Over the other, a forever
// iframe, the server reports ten times a second how much it has received. One connection
// would be enough if browsers read a response before they have sent the whole request.
//
// The file goes chunk by chunk through an Iteratee that counts and hashes it and stores
// nothing. So a file of a gigabyte takes as little memory as one of a kilobyte. A slow server
// slows down the browser.
package upload

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed upload.go upload.html
var Source embed.FS

// Handler serves the page, receives its uploads, and reports their progress.
func Handler() http.Handler {
	s := &uploads{byID: map[string]*upload{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /upload", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "upload.html")
	})
	// Forms of other sites cannot send files here.
	mux.Handle("POST /upload/file", http.NewCrossOriginProtection().Handler(httpadapter.Limited(
		http.HandlerFunc(s.receive),
		httpadapter.Limit(200), httpadapter.LimitPerKey(20, visitor.Address),
	)))
	// The id comes from the URL only. r.FormValue would also read a body, and write it to disk.
	mux.Handle("GET /upload/stream", httpadapter.Handler(
		func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			return s.watch(r.URL.Query().Get("id")), nil
		},
		httpadapter.Comet(), httpadapter.Limit(200), httpadapter.LimitPerKey(20, visitor.Address),
		httpadapter.MaxDuration(2*longest), // even if nobody sends a file
	))
	return mux
}

// snippet: receive

const (
	maxFile, maxValues = 1 << 30, 1 << 10 // bytes
	longest            = time.Hour
)

// receive handles an upload. Each error has a status, with which httpadapter.Error answers.
func (s *uploads) receive(w http.ResponseWriter, r *http.Request) {
	// The answer comes after the file, which can take longer than http.Server.WriteTimeout.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest + time.Minute))
	u := s.find(r.URL.Query().Get("id"))
	u.change(func(p *progress) { p.Total = r.ContentLength })

	form, err := parse.Body(r, parse.Multipart(maxValues, u.digest),
		httpadapter.Writer(w), httpadapter.MaxBytes(maxFile), httpadapter.BodyTimeout(longest))
	u.change(func(p *progress) { p.Ended, p.Failed = true, err != nil || len(form.Files) == 0 })
	if err != nil {
		httpadapter.Error(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// digest returns an Iteratee that counts and hashes the chunks of a file.
func (u *upload) digest(file parse.FilePart) (iteratee.Iteratee[[]byte, struct{}], error) {
	sum := sha256.New()
	count := iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		sum.Write(chunk)
		u.change(func(p *progress) { p.Received += int64(len(chunk)) })
		return nil
	})
	return iteratee.Map(count, func(struct{}) struct{} {
		u.change(func(p *progress) { p.Name, p.SHA256 = file.Name, hex.EncodeToString(sum.Sum(nil)) })
		return struct{}{}
	}), nil
}

// end snippet

// snippet: watch

// watch returns the stream of the progress of an upload, ten times a second and at its end.
// The upload is known while somebody watches it.
func (s *uploads) watch(id string) enumerator.Enumerator[[]byte] {
	return enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
		u := s.add(id)
		current := enumeratee.Map(func(time.Time) progress { return u.now() })
		running := enumeratee.TakeWhile(func(p progress) bool { return !p.Ended })
		updates := enumerator.Through(enumerator.Interval(100*time.Millisecond), enumeratee.Compose(current, running))
		last := enumerator.Unfold(false, func(sent bool) (progress, bool, bool) { return u.now(), true, !sent })
		return enumerator.OnDoneEnumerating(
			enumerator.Through(updates.AndThen(last), comet.JSON[progress]("parent.uploadProgress", comet.RemoveScripts())),
			func() error { s.remove(id, u); return nil },
		), nil
	})
}

// end snippet

// progress is the state of an upload, as the page gets it.
type progress struct {
	Received int64  `json:"received"`
	Total    int64  `json:"total"` // size of the whole form; -1 if it is unknown
	Name     string `json:"name"`
	SHA256   string `json:"sha256"`
	Ended    bool   `json:"ended"`
	Failed   bool   `json:"failed"`
}

type upload struct {
	mu       sync.Mutex
	progress progress
}

func (u *upload) change(f func(*progress)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.progress)
}

func (u *upload) now() progress {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.progress
}

// uploads holds the uploads that somebody watches.
type uploads struct {
	mu   sync.Mutex
	byID map[string]*upload
}

func (s *uploads) add(id string) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &upload{}
	s.byID[id] = u
	return u
}

// find returns the upload of id. If id is unknown, it returns an upload that nobody watches.
func (s *uploads) find(id string) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.byID[id]; u != nil {
		return u
	}
	return &upload{}
}

// remove removes u, unless somebody else has begun to watch id.
func (s *uploads) remove(id string, u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] == u {
		delete(s.byID, id)
	}
}
