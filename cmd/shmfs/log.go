package main

import (
	"io"
	"log/slog"

	"github.com/shmfs/shmfs/policy"
)

// newHandler writes a log to w as the configuration says. Its level can change.
func newHandler(w io.Writer, c policy.Config, level *slog.LevelVar) slog.Handler {
	level.Set(c.LogLevel)
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == policy.LogJSON {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}
