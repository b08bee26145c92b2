package main

import (
	"context"
	"io"
	"log/slog"
	"log/syslog"
	"os"

	"github.com/shmfs/shmfs/policy"
)

// openLog opens the log: the file, if one is named; stderr in the foreground; else syslog, if there is one. The file is
// answered too, nil if there is none.
func (o *mountOptions) openLog(stderr io.Writer, level *slog.LevelVar) (*slog.Logger, *os.File, error) {
	switch {
	case o.logFile != "":
		f, err := os.OpenFile(o.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, &failure{code: exitUsage, reason: "the log file cannot be opened", err: err,
				remedy: "name another one: --log-file FILE"}
		}
		return slog.New(newHandler(f, o.config, level)), f, nil
	case !o.behind:
		return slog.New(newHandler(stderr, o.config, level)), nil, nil
	}
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "shmfs")
	if err != nil {
		return slog.New(slog.DiscardHandler), nil, nil // a container without syslog: --log-file is for those
	}
	return slog.New(newSyslogHandler(w, o.config, level)), nil, nil
}

// syslogHandler hands each record to the handler of its severity.
type syslogHandler [4]slog.Handler // debug, info, warning, error

var _ slog.Handler = syslogHandler{}

// severities is the part of syslog.Writer that a log needs.
type severities interface {
	Debug(string) error
	Info(string) error
	Warning(string) error
	Err(string) error
}

func newSyslogHandler(w severities, c policy.Config, level *slog.LevelVar) syslogHandler {
	var h syslogHandler
	for i, write := range []func(string) error{w.Debug, w.Info, w.Warning, w.Err} {
		h[i] = newHandler(lineWriter(write), c, level)
	}
	return h
}

// lineWriter makes a call of each line.
type lineWriter func(string) error

func (w lineWriter) Write(p []byte) (int, error) { return len(p), w(string(p)) }

// severity is the index of the handler for a level: the distance between slog's levels is 4.
func severity(l slog.Level) int { return min(max(int(l)-int(slog.LevelDebug), 0)/4, 3) }

func (h syslogHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h[severity(l)].Enabled(ctx, l)
}

func (h syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	return h[severity(r.Level)].Handle(ctx, r)
}

func (h syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range h {
		h[i] = h[i].WithAttrs(attrs)
	}
	return h
}

func (h syslogHandler) WithGroup(name string) slog.Handler {
	for i := range h {
		h[i] = h[i].WithGroup(name)
	}
	return h
}
