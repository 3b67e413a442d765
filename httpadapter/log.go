package httpadapter

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/halley-go/halley/internal/check"
)

// An ErrorLogger logs a message with pairs of keys and values. A *slog.Logger is an ErrorLogger. Its methods
// may be called at the same time.
type ErrorLogger interface {
	InfoContext(ctx context.Context, msg string, args ...any)
	WarnContext(ctx context.Context, msg string, args ...any)
	ErrorContext(ctx context.Context, msg string, args ...any)
}

// Logger sets the logger of errors. By default errors go to the ErrorLog of the http.Server, as those of
// net/http do, or to package log if the server has none. Logger(slog.Default()) logs them with their levels.
// Logger panics if logger is nil.
func Logger(logger ErrorLogger) Option {
	check.NotNil("httpadapter: Logger: logger", logger)
	return func(c *config) { c.logger = logger }
}

// LoggerOf returns the logger that [Logger] sets in opts, or one that writes to the log of the http.Server,
// which it finds in the context. It is for packages that make handlers with [Handler] and log errors of their
// own.
func LoggerOf(opts ...Option) ErrorLogger { return newConfig(opts).logger }

// serverLog writes to the log of the http.Server. httpadapter does not import log/slog, because that adds 274 KB
// to a program.
type serverLog struct{}

func (*serverLog) InfoContext(ctx context.Context, msg string, args ...any) {
	logToServer(ctx, msg, args)
}
func (*serverLog) WarnContext(ctx context.Context, msg string, args ...any) {
	logToServer(ctx, msg, args)
}
func (*serverLog) ErrorContext(ctx context.Context, msg string, args ...any) {
	logToServer(ctx, msg, args)
}

func logToServer(ctx context.Context, msg string, args []any) {
	line := []byte(msg)
	for len(args) > 1 {
		line = fmt.Appendf(line, " %v=%q", args[0], fmt.Sprint(args[1])) // quoted, since clients choose paths
		args = args[2:]
	}
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && server.ErrorLog != nil {
		server.ErrorLog.Print(string(line))
	} else {
		log.Print(string(line))
	}
}

// logError logs err as an error if the server is to blame, and as information otherwise.
func logError(logger ErrorLogger, r *http.Request, msg string, err error) {
	status := statusOf(err).Status
	args := []any{"method", r.Method, "path", r.URL.Path, "status", status, "error", err}
	if status >= 500 {
		logger.ErrorContext(r.Context(), msg, args...)
	} else {
		logger.InfoContext(r.Context(), msg, args...)
	}
}
