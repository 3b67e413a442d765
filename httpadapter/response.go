package httpadapter

import (
	"context"
	"net/http"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A ResponseError is a response with a status other than 2xx, where a stream was expected.
type ResponseError struct {
	StatusCode int
	Status     string // such as "404 Not Found"
}

func (e *ResponseError) Error() string { return "httpadapter: response: " + e.Status }

// Response returns the Enumerator of the body of resp, which an http.Client has returned,
// in chunks as they come, of at most 32 KiB, each memory of its own. It can be run once,
// and closes the body when the run ends, however it does. If it may not come to a run, the
// caller closes the body, as with any response; closing it twice does no harm.
//
// A status other than 2xx ends the run with a [ResponseError]. A body that is cut short
// ends it with an error too, which is io.ErrUnexpectedEOF on HTTP/1.1; one that the server
// ends is over. On HTTP/1.0 a body without a length cannot tell. The end of the run's context
// interrupts a read, and so does that of the request's.
//
// It is the body of what Play's WS.stream gives.
func Response(resp *http.Response) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(interrupted)
			resp.Body.Close()
		})
		defer func() {
			if !stop() {
				<-interrupted
			}
			resp.Body.Close()
		}()
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return iteratee.StepError(&ResponseError{resp.StatusCode, resp.Status})
		}
		return enumerator.FromReader(resp.Body, bodyChunk).Into(ctx, sink)
	})
}
