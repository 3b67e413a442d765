package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

const (
	maxKey   = 256              // bytes of an Idempotency-Key
	patience = 10 * time.Second // with the body, and then with the Store
)

// post answers a POST.
func (s source[E]) post(w http.ResponseWriter, r *http.Request) {
	position, err := s.publish(w, r)
	answer(w, r, position, err)
}

// answer answers a request that has stored an entry, or has failed.
func answer(w http.ResponseWriter, r *http.Request, position enumerator.Position, err error) {
	if err != nil {
		httpadapter.Error(w, r, err)
		return
	}
	w.Header().Set("Halley-Position", position.String())
	w.WriteHeader(http.StatusNoContent)
}

func (s source[E]) publish(w http.ResponseWriter, r *http.Request) (none enumerator.Position, err error) {
	name, err := s.writable(r)
	if err != nil {
		return none, err
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return none, malformed("an Idempotency-Key has at most %d bytes", maxKey)
	}
	last, isConditional, err := conditionOf(r.Header)
	if err != nil {
		return none, err
	}
	e, err := parse.Body(r, parse.JSON[E](s.maxBytes), httpadapter.Writer(w), httpadapter.BodyTimeout(patience))
	if err != nil {
		return none, explained(err)
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), patience, errSlow)
	defer cancel()
	topic := s.topics.Topic(name)
	var position enumerator.Position
	if isConditional {
		position, err = topic.PublishAfter(ctx, key, last, e)
	} else {
		position, err = topic.Publish(ctx, key, e)
	}
	if err != nil && r.Context().Err() == nil {
		err = answerTo(err, key)
	}
	return position, err
}

// writable returns the name of the topic that r may change.
func (h access) writable(r *http.Request) (name string, err error) {
	if name, err = nameOf(r); err != nil {
		return "", err
	}
	if err := h.permit(r, Access{Topic: name, Write: true}); err != nil {
		return "", err
	}
	for _, limit := range h.limits {
		if err := limit(r); err != nil {
			return "", err
		}
	}
	return name, nil
}

// nameOf returns the name of the only topic that r asks for.
func nameOf(r *http.Request) (string, error) {
	names, _, err := namesOf(r, r.URL.Query())
	if err != nil {
		return "", err
	}
	if len(names) > 1 {
		return "", malformed("the query must have one topic")
	}
	return names[0], nil
}

var errSlow = errors.New("comet/topic: the store did not answer in time")

// conditionOf returns the Position of If-Match, or the zero Position for If-None-Match: *.
func conditionOf(h http.Header) (last enumerator.Position, isConditional bool, err error) {
	match, noneMatch := strings.Join(h.Values("If-Match"), ","), strings.Join(h.Values("If-None-Match"), ",")
	switch {
	case match == "" && noneMatch == "":
		return last, false, nil
	case match == "" && noneMatch == "*":
		return last, true, nil
	}
	last, err = enumerator.ParsePosition(strings.Trim(match, `"`))
	if err != nil || match != `"`+last.String()+`"` || last == (enumerator.Position{}) || noneMatch != "" {
		return last, false, malformed("If-Match must be one position in quotes, or If-None-Match *")
	}
	return last, true, nil
}

// explained adds a text about the faulty JSON of a body to err, the error of that body.
func explained(err error) error {
	status, ok := errors.AsType[*httpadapter.StatusError](err)
	if !ok || status.Status != http.StatusBadRequest || status.Text != "" || errors.Is(err, httpadapter.ErrClientGone) {
		return err
	}
	text := "the body must be the JSON of a message, in UTF-8"
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		text = fmt.Sprintf("the body is not JSON: %v, at byte %d", syntax, syntax.Offset)
	}
	if other, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		text = fmt.Sprintf("the body does not fit: the %s at byte %d has the wrong type", other.Value, other.Offset)
		if other.Field != "" {
			text = fmt.Sprintf("the body does not fit: the %s in the field %s has the wrong type", other.Value, other.Field)
		}
	}
	return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: text, Err: err}
}

// answerTo returns the answer to a publish that has failed with err.
func answerTo(err error, key string) error {
	answer := &httpadapter.StatusError{Err: err}
	switch {
	case errors.Is(err, topics.ErrUnknown):
		answer.Status, answer.Text = http.StatusGatewayTimeout, "it is not known whether the message was stored; repeat the request with the same Idempotency-Key"
		if key == "" {
			answer.Text = "it is not known whether the message was stored; without an Idempotency-Key, a repetition may store it again"
		}
	case errors.Is(err, topics.ErrConflict):
		answer.Status, answer.Text = http.StatusPreconditionFailed, "the topic has another last entry"
	case errors.Is(err, topics.ErrEnded):
		answer.Status, answer.Text = http.StatusGone, "the topic has ended"
	case errors.Is(err, topics.ErrTooLarge):
		answer.Status, answer.Text = http.StatusRequestEntityTooLarge, "the store takes no message of this size"
	default:
		answer.Status, answer.Text = http.StatusServiceUnavailable, "the message was not stored; repeat the request"
	}
	if answer.Status >= 500 {
		answer.Header = http.Header{"Retry-After": {strconv.Itoa(1 + rand.IntN(10))}}
	}
	return answer
}

func isStatus(err error) bool {
	_, ok := errors.AsType[*httpadapter.StatusError](err)
	return ok
}
