// Loop sends a line each second in a loop, with net/http alone.
package main

import (
	"log"
	"net/http"
	"time"
)

func main() {
	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		for {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
			_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := w.Write([]byte("tick\n")); err != nil {
				log.Print("stream failed: ", err)
				return
			}
			if err := rc.Flush(); err != nil {
				log.Print("stream failed: ", err)
				return
			}
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:9000", nil))
}
