package httpadapter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/halley-go/halley/httpadapter"
)

func ExampleCORS() {
	events := serveAll(of("data: hello\n\n"), httpadapter.EventStream())

	// snippet: cors

	cors := httpadapter.CORS{
		Origins:     []string{"https://app.example.com", "http://localhost:*"},
		Credentials: true,               // cookies
		Headers:     []string{"X-Room"}, // besides Last-Event-ID and others
		MaxAge:      10 * time.Minute,
	}
	mux := http.NewServeMux()
	mux.Handle("/events", events)
	handler := cors.Handler(mux)

	// end snippet

	for _, origin := range []string{"https://app.example.com", "https://evil.example"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/events", nil)
		r.Header.Set("Origin", origin)
		handler.ServeHTTP(w, r)
		fmt.Printf("%s: %q\n", origin, w.Header().Get("Access-Control-Allow-Origin"))
	}
	// Output:
	// https://app.example.com: "https://app.example.com"
	// https://evil.example: ""
}

func ExampleCORS_Handler() {
	handler := httpadapter.CORS{Origins: []string{"*"}}.Handler(serveAll(of("not called")))
	w, r := httptest.NewRecorder(), httptest.NewRequest("OPTIONS", "/", nil) // a preflight request
	r.Header.Set("Origin", "https://app.example.com")
	r.Header.Set("Access-Control-Request-Method", "GET")
	r.Header.Set("Access-Control-Request-Headers", "last-event-id")
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Access-Control-Allow-Origin"))
	fmt.Println(w.Header().Get("Access-Control-Allow-Headers"))
	// Output:
	// 204 *
	// Authorization, Cache-Control, Content-Type, Last-Event-ID
}
