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

// A ResponseError is the error of a [Response] that is not the expected stream: its status is not 2xx,
// or it has another media type.
type ResponseError struct {
	StatusCode int
	Status     string // such as "404 Not Found"

	// These fields are set only if Response was given media types.

	URL         string   // of the last request, after redirects; without user and query
	ContentType string   // the header of the response
	Expected    []string // the media types
	Start       []byte   // the first 200 bytes of the body, or fewer
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
	if !e.Permanent() {
		return text + "; try again later"
	}
	return text + "; check the URL and the credentials of the request"
}

// Permanent reports whether another attempt would be of no use. Package enumerator/retry does not try
// again then. Permanent returns false if Response was not given media types, and for the status codes
// 408, 425, 429, and 500 and above.
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

// Response returns the Enumerator of the body of resp, which an http.Client has returned. A chunk is
// handed on as it arrives. It has at most 32 KiB, and is not overwritten later. The Enumerator can be run
// once. It closes the body when the run ends, for whatever reason. If the Enumerator may never be run,
// the caller closes the body, as with any response. The body may be closed twice.
//
// mediaTypes are the media types that the stream can have, such as text/event-stream; ndjson.MediaTypes
// returns those of NDJSON. Case and parameters, such as a charset, do not count. Without mediaTypes any
// body is accepted, even the HTML of a log-in page to which the request was redirected.
//
// A status other than 2xx ends the run with a [ResponseError]. If mediaTypes are given, these also end
// the run with a ResponseError: another Content-Type, a missing Content-Type, and the status codes 204
// and 205, by which a server asks a client not to come again. The error has the first bytes of the body,
// for which the run waits a second at most. See [ResponseError.Permanent] for attempts that follow.
//
// A body that is cut short ends the run with an error, which is io.ErrUnexpectedEOF on HTTP/1.1. On
// HTTP/1.0 a body without a length cannot be told from a complete one. The end of the run's context or of
// the request's context interrupts a read. Response panics if one of mediaTypes is malformed.
//
// Play has WS.stream.
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

// closeAtEnd closes body when ctx ends. The function that it returns stops that.
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

// checkResponse returns an error if resp is not a stream of an expected media type.
func checkResponse(ctx context.Context, resp *http.Response, expected []string) error {
	if len(expected) == 0 {
		if isSuccess(resp.StatusCode) {
			return nil
		}
		return &ResponseError{StatusCode: resp.StatusCode, Status: resp.Status}
	}
	contentType := resp.Header.Get("Content-Type")
	mediaType, _, _ := mime.ParseMediaType(contentType) // the media type is valid even if a parameter is malformed
	if isSuccess(resp.StatusCode) && !hasNoBody(resp.StatusCode) && slices.Contains(expected, mediaType) {
		return nil
	}
	return &ResponseError{
		StatusCode: resp.StatusCode, Status: resp.Status,
		URL: urlOf(resp), ContentType: contentType, Expected: expected, Start: startOf(ctx, resp.Body),
	}
}

// urlOf returns the URL of resp, without the parts that can be secret.
func urlOf(resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL == nil {
		return ""
	}
	u := *resp.Request.URL
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// startOf returns the first bytes of body that arrive within a second.
func startOf(ctx context.Context, body io.ReadCloser) []byte {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	defer closeAtEnd(ctx, body)()
	start := make([]byte, 200)
	n, _ := io.ReadFull(body, start)
	return start[:n]
}
