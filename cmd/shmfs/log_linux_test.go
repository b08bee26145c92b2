package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/policy"
)

// fakeSyslog writes down each line with its severity.
type fakeSyslog struct{ lines []string }

func (f *fakeSyslog) Debug(s string) error   { f.lines = append(f.lines, "debug "+s); return nil }
func (f *fakeSyslog) Info(s string) error    { f.lines = append(f.lines, "info "+s); return nil }
func (f *fakeSyslog) Warning(s string) error { f.lines = append(f.lines, "warning "+s); return nil }
func (f *fakeSyslog) Err(s string) error     { f.lines = append(f.lines, "err "+s); return nil }

func TestSyslogSeverities(t *testing.T) {
	w, level := &fakeSyslog{}, &slog.LevelVar{}
	log := slog.New(newSyslogHandler(w, policy.Default(), level)).With("a", 1).WithGroup("g")
	log.Debug("hidden")
	log.Info("one")
	log.Warn("two", "b", 2)
	log.Error("three")
	level.Set(slog.LevelDebug)
	log.Debug("four")
	log.Log(t.Context(), slog.LevelError+4, "five")
	if len(w.lines) != 5 {
		t.Fatalf("got %q", w.lines)
	}
	for i, want := range []string{"info", "warning", "err", "debug", "err"} {
		if !strings.HasPrefix(w.lines[i], want+" ") {
			t.Errorf("got %q, want %s", w.lines[i], want)
		}
	}
	contains(t, w.lines[1], "msg=two a=1 g.b=2")
}

func TestWhereTheLogGoes(t *testing.T) {
	var stderr bytes.Buffer
	o := mountOptions{config: policy.Default()}
	o.config.LogFormat = policy.LogJSON
	log, file, err := o.openLog(&stderr, &slog.LevelVar{})
	if err != nil || file != nil {
		t.Fatal(err)
	}
	log.Info("here")
	contains(t, stderr.String(), `"msg":"here"`)
	o.logFile = filepath.Join(t.TempDir(), "log")
	log, file, err = o.openLog(&stderr, &slog.LevelVar{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log.Info("there")
	if text, err := os.ReadFile(o.logFile); err != nil || !strings.Contains(string(text), "there") {
		t.Errorf("%v, %s", err, text)
	}
	o.logFile = "/no/such/log"
	if _, _, err := o.openLog(&stderr, &slog.LevelVar{}); codeOf(err) != exitUsage {
		t.Errorf("got %v", err)
	}
	o.logFile, o.readyFD = "", 3
	if log, _, err := o.openLog(&stderr, &slog.LevelVar{}); err != nil || log == nil {
		t.Errorf("in the background: %v", err)
	}
}
