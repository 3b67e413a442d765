package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/browsertest"
)

func serve(t *testing.T) *httptest.Server {
	server := httptest.NewServer(board())
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // the streams have no end
	return server
}

func post(t *testing.T, server *httptest.Server, mediaType, body string) int {
	response, err := http.Post(server.URL+"/dots", mediaType, strings.NewReader(body))
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

func TestANewPageGetsTheLastDots(t *testing.T) {
	server := serve(t)
	require.Equal(t, http.StatusOK, post(t, server, "application/json", "[1, 2]"))
	require.Equal(t, http.StatusOK, post(t, server, "application/json", "[3, 4]"))
	var dots []dot
	for item, err := range enumerator.All(t.Context(), follow.Items[dot](follow.Get(server.URL+"/dots"))) {
		require.NoError(t, err)
		if item.IsMessage() {
			dots = append(dots, item.Value)
		}
		if len(dots) == 2 {
			break
		}
	}
	assert.Equal(t, []dot{{1, 2}, {3, 4}}, dots)
}

func TestOtherBodiesAreRefused(t *testing.T) {
	server := serve(t)
	assert.Equal(t, http.StatusUnsupportedMediaType, post(t, server, "text/plain", "[1, 2]"), "a page of another site can send this")
	assert.Equal(t, http.StatusBadRequest, post(t, server, "application/json", `"a dot"`))
	assert.Equal(t, http.StatusRequestEntityTooLarge, post(t, server, "application/json", "["+strings.Repeat(" ", 100)+"1, 2]"))
}

func TestADotOfOnePageIsInAnother(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	open := func() func(script string) bool {
		tab, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate(server.URL)))
		return func(script string) bool {
			result, err := chromedp.Run(tab, chromedp.Evaluate[bool](script))
			require.NoError(t, err)
			return result
		}
	}
	one, two := open(), open()
	one(`canvas.dispatchEvent(new PointerEvent("pointermove", {buttons: 1, clientX: 108, clientY: 58})), true`)
	for _, page := range []func(string) bool{one, two} {
		assert.Eventually(t, func() bool {
			return page(`pen.getImageData(0, 0, 600, 400).data.some(byte => byte)`)
		}, 10*time.Second, 20*time.Millisecond)
	}
}
