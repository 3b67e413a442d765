package crowd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary is the process of the clients too.
func TestMain(m *testing.M) {
	if Main() {
		return
	}
	if os.Getenv(clientsOf) != "" {
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// The clients are in another process, and each gets all messages. Their number is limited. They leave when they are no
// longer wanted, and when ctx ends.
func TestCrowd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newCrowd(ctx)
	require.GreaterOrEqual(t, c.most, 1000)
	c.most = 300
	c.measure(time.Now())
	for _, end := range []func(){func() { c.want(0) }, cancel} {
		c.add(200)
		c.add(200)
		var f Figures
		require.Eventually(t, func() bool {
			report, _ := c.state()
			return report.Open == 300 && report.Received > 600
		}, time.Minute, 10*time.Millisecond)
		f = c.measure(time.Now())
		assert.Equal(t, 300, f.Clients)
		assert.Equal(t, 300, f.Wanted)
		assert.Positive(t, f.Received)
		assert.Zero(t, f.Lost)
		if f.Engine {
			assert.Less(t, f.Memory, 8e3, "net/http takes 28 KiB")
			assert.Positive(t, f.Time)
		}
		end()
		require.Eventually(t, func() bool {
			report, wanted := c.state()
			return report.Open == 0 && wanted == 0
		}, time.Minute, 10*time.Millisecond)
		assert.Zero(t, c.measure(time.Now()).Clients)
	}
	c.want(1)
	_, wanted := c.state()
	assert.Zero(t, wanted, "the gallery has ended")
}

// Clients can be added only while a page is open, and only from this site.
func TestClientsNeedAPage(t *testing.T) {
	h := Handler(t.Context())
	post := func(change string, header ...string) int {
		r := httptest.NewRequest(http.MethodPost, "/crowd/clients", strings.NewReader(url.Values{"change": {change}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if header != nil {
			r.Header.Set(header[0], header[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	assert.Equal(t, http.StatusConflict, post("add"))
	assert.Equal(t, http.StatusNoContent, post("remove"))
	assert.Equal(t, http.StatusBadRequest, post("double"))
	assert.Equal(t, http.StatusForbidden, post("add", "Sec-Fetch-Site", "cross-site"))
}
