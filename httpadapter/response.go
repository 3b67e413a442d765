package httpadapter

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A ResponseError is a response that is not the stream that was expected: its status is not 2xx,
// or its media type is another.
type ResponseError struct {
	StatusCode int
	Status     string // such as "404 Not Found"

	// The fields that follow are set only if Response was told which media types to expect.

	URL         string   // of the last request, after redirects, without user and query
	ContentType string   // the header of the response
	Expected    []string // the media types
	Start       []byte   // the first bytes of the body, 200 at most
}

func (e *ResponseError) Error() string {
	text := "httpadapter: response: " + e.Status
	if e.Expected == nil {
		return text
	}
	if e.URL != "" {
		text += " from " + e.URL
	}
	if hasNoBody(e.StatusCode) {
		return text + ": the server has no stream, and asks the client not to connect again"
	}
	if isSuccess(e.StatusCode) {
		text += fmt.Sprintf(" with Content-Type %q, expected %s", e.ContentType, strings.Join(e.Expected, ", "))
	}
	if len(e.Start) > 0 {
		text += fmt.Sprintf("; the body begins with %q", e.Start)
	}
	return text + "; check the URL and the credentials of the request"
}

// Permanent reports whether it is of no use to make the same request again. It is for package
// enumerator/retry. It returns false if [Response] was not told which media types to expect, and for
// the status codes 408, 425, 429 and those of 500 and above.
func (e *ResponseError) Permanent() bool {
	if e.Expected == nil {
		return false
	}
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.StatusCode < 500
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

func hasNoBody(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent
}

// Response returns the Enumerator of the body of resp, which an http.Client has returned,
// in chunks as they come, of at most 32 KiB, each memory of its own. It can be run once,
// and closes the body when the run ends, however it does. If it may not come to a run, the
// caller closes the body, as with any response; closing it twice does no harm.
//
// mediaTypes are those that the stream can have, such as text/event-stream; ndjson.MediaTypes
// returns those of NDJSON. Without any, every body will do: also the HTML of a log-in page to which
// the request was redirected, in which a decoder of events finds no event. Case and parameters,
// such as a charset, do not count. Response panics if one is not a media type.
//
// A status other than 2xx ends the run with a [ResponseError]. If media types are given, so does
// another Content-Type, or none, and so do 204 and 205, with which a server asks a client not to
// come again; up to a second is spent on reading the first bytes of the body for the error. Package
// enumerator/retry does not try again after an error that is [ResponseError.Permanent].
//
// A body that is cut short ends the run with an error too, which is io.ErrUnexpectedEOF on
// HTTP/1.1; one that the server ends is over. On HTTP/1.0 a body without a length cannot tell. The
// end of the run's context interrupts a read, and so does that of the request's.
//
// It is the body of what Play's WS.stream gives.
func Response(resp *http.Response, mediaTypes ...string) enumerator.Enumerator[[]byte] {
	var expected []string
	for _, mediaType := range mediaTypes {
		expected = append(expected, mustBeMediaType(mediaType))
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		defer resp.Body.Close()
		if err := checkResponse(ctx, resp, expected); err != nil {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			return iteratee.StepError(err)
		}
		defer closeAtEnd(ctx, resp.Body)()
		return enumerator.FromReader(resp.Body, bodyChunk).Into(ctx, sink)
	})
}

// closeAtEnd closes body when ctx ends, until the function that it returns is called.
func closeAtEnd(ctx context.Context, body io.Closer) func() {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		body.Close()
	})
	return func() {
		if !stop() {
			<-closed
		}
	}
}

func mustBeMediaType(text string) string {
	mediaType, _, err := mime.ParseMediaType(text)
	if kind, subtype, ok := strings.Cut(mediaType, "/"); err != nil || !ok || kind == "" || subtype == "" || strings.Contains(mediaType, "*") {
		panic(fmt.Sprintf("httpadapter: Response: a media type must be one such as text/event-stream, got %q", text))
	}
	return mediaType
}

// checkResponse returns why resp is not a stream of an expected type, or nil.
func checkResponse(ctx context.Context, resp *http.Response, expected []string) error {
	if len(expected) == 0 {
		if isSuccess(resp.StatusCode) {
			return nil
		}
		return &ResponseError{StatusCode: resp.StatusCode, Status: resp.Status}
	}
	contentType := resp.Header.Get("Content-Type")
	mediaType, _, _ := mime.ParseMediaType(contentType) // it is there though a parameter is malformed
	if isSuccess(resp.StatusCode) && !hasNoBody(resp.StatusCode) && slices.Contains(expected, mediaType) {
		return nil
	}
	return &ResponseError{
		StatusCode: resp.StatusCode, Status: resp.Status,
		URL: urlOf(resp), ContentType: contentType, Expected: expected, Start: startOf(ctx, resp.Body),
	}
}

// urlOf returns the URL that resp is from, without what can be a secret.
func urlOf(resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL == nil {
		return ""
	}
	u := *resp.Request.URL
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// startOf returns the first bytes of body that come within a second.
func startOf(ctx context.Context, body io.ReadCloser) []byte {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	defer closeAtEnd(ctx, body)()
	start := make([]byte, 200)
	n, _ := io.ReadFull(body, start)
	return start[:n]
}
