package httpadapter_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

// A middleware answers requests without a token before their body is read.
func ExampleError_authorization() {
	users := map[string]string{"t0ken": "ann"}
	cors := httpadapter.CORS{Origins: []string{"https://app.example.com"}}
	events := serveAll(of("data: hello\n\n"), httpadapter.EventStream())

	// snippet: authorization

	type userKey struct{}
	authorized := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			user, ok := users[token]
			if !ok {
				httpadapter.Error(w, r, &httpadapter.StatusError{
					Status: http.StatusUnauthorized,
					Header: http.Header{"WWW-Authenticate": {`Bearer realm="example"`}},
				})
				return
			}
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /events", events)
	mux.Handle("POST /notes", parse.Action(parse.Text(1<<10), func(w http.ResponseWriter, r *http.Request, note string) error {
		_, err := fmt.Fprintf(w, "%s by %s", note, r.Context().Value(userKey{}))
		return err
	}))
	handler := cors.Handler(authorized(mux)) // CORS first: preflight requests have no token, and errors need its headers

	// end snippet

	log.SetOutput(io.Discard) // the log has the 401
	defer log.SetOutput(os.Stderr)
	for _, token := range []string{"t0ken", "stolen"} {
		r := httptest.NewRequest("POST", "/notes", strings.NewReader("buy milk"))
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"), strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200  buy milk by ann
	// 401 Bearer realm="example" Unauthorized
}

// A session is checked when a stream begins, at least every ten minutes, and the stream ends when the user logs out.
func ExampleHandler_sessions() {
	type session struct {
		events enumerator.Enumerator[[]byte]
		logout chan struct{} // closed when the user logs out
	}
	logout := make(chan struct{})
	logsOut := enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
		close(logout)
		return enumerator.Never[[]byte](), nil
	})
	sessions := map[string]session{"s1": {of("data: hello\n\n").AndThen(logsOut), logout}}

	// snippet: sessions

	id := func(r *http.Request) string {
		cookie, err := r.Cookie("session") // set with Secure, HttpOnly and SameSite=Lax
		if err != nil {
			return ""
		}
		return cookie.Value
	}
	events := httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		s, ok := sessions[id(r)]
		if !ok {
			return enumerator.Empty[[]byte](), &httpadapter.StatusError{Status: http.StatusUnauthorized}
		}
		return enumerator.TakeUntil(s.events, enumerator.FromChan(s.logout)), nil
	},
		httpadapter.EventStream(),
		httpadapter.MaxDuration(10*time.Minute), // the client comes back, and its session is checked again
		httpadapter.LimitPerKey(6, id),          // streams for each session
	)

	// end snippet

	ask := func(id string) {
		r := httptest.NewRequest("GET", "/events", nil)
		r.AddCookie(&http.Cookie{Name: "session", Value: id})
		w := httptest.NewRecorder()
		events.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Body)
	}
	log.SetOutput(io.Discard) // the log has the 401
	defer log.SetOutput(os.Stderr)
	ask("s1")
	ask("s2")
	// Output:
	// 200 "data: hello\n\n"
	// 401 "Unauthorized\n"
}
