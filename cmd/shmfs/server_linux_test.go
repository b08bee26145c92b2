package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

func TestCheckPoint(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	alive := fakeMount(t, policy.Default())
	w := newWorld()
	w.finder.mounted = []string{alive}
	for point, want := range map[string]exitCode{
		"/": exitMountPoint, "/proc/self": exitMountPoint, "/sys/kernel": exitMountPoint,
		dir: exitOK, link: exitOK, file: exitMountPoint, file + "/x": exitMountPoint, dir + "/no": exitMountPoint, alive: exitMounted,
	} {
		got, err := checkPoint(t.Context(), w.shell, mountOptions{point: point})
		if codeOf(err) != want || want != exitOK && remedyOf(err) == "" || want == exitOK && got != dir {
			t.Errorf("%s: got %q, %v; want %d", point, got, err, want)
		}
	}
	if got := codeOf(pointFailure("/m", &fs.PathError{Op: "stat", Path: "/m", Err: unix.ENOTCONN})); got != exitMountPoint {
		t.Errorf("somebody else's dead mount: %d", got)
	}
	if got := codeOf(pointFailure("/m", &fs.PathError{Op: "stat", Path: "/m", Err: unix.EACCES})); got != exitPermission {
		t.Errorf("a directory that may not be looked at: %d", got)
	}
}

// What is not a shmfs is never unmounted, and nor is the root whatever covers it.
func TestRemovable(t *testing.T) {
	table := []fusemount.Entry{
		{Point: "/", Type: "ext4"}, {Point: "/", Type: fusemount.Type}, {Point: "/a", Type: fusemount.Type},
		{Point: "/b", Type: fusemount.Type}, {Point: "/b", Type: "tmpfs"}, {Point: "/c", Type: "fuse.sshfs"},
	}
	for point, want := range map[string]exitCode{
		"/": exitMountPoint, "/a": exitOK, "/b": exitNotFound, "/c": exitNotFound, "/none": exitNotFound,
	} {
		if err := removable(table, point); codeOf(err) != want || want != exitOK && remedyOf(err) == "" {
			t.Errorf("%s: got %v, want %d", point, err, want)
		}
	}
}

func TestMountFailures(t *testing.T) {
	device := func(err error) error { return &os.PathError{Op: "open", Path: "/dev/fuse", Err: err} }
	for err, want := range map[error]exitCode{
		nil:                   exitOK,
		fusemount.ErrNoHelper: exitPermission,
		device(unix.ENOENT):   exitNoFUSE,
		device(unix.ENXIO):    exitNoFUSE,
		device(unix.EACCES):   exitPermission,
		&os.PathError{Op: "mount", Path: "/m", Err: unix.EPERM}:  exitPermission,
		&os.PathError{Op: "mount", Path: "/m", Err: unix.EINVAL}: exitFailed,
	} {
		got := mountFailure("/m", err)
		if codeOf(got) != want || want > exitFailed && remedyOf(got) == "" {
			t.Errorf("%v: got %v (%d), want %d", err, got, codeOf(got), want)
		}
	}
	if got := codeOf(arenaFailure(os.ErrPermission, "")); got != exitPermission {
		t.Errorf("no arena: %d", got)
	}
}

func TestNUMAFailureHasARemedy(t *testing.T) {
	err := arenaFailure(fmt.Errorf("tmpfs option mpol=bind:9: %w", unix.EINVAL), "bind:9")
	if codeOf(err) != exitUnsupported || !strings.Contains(err.Error(), "numa bind:9") || remedyOf(err) == "" {
		t.Errorf("got %v (%d), remedy %q", err, codeOf(err), remedyOf(err))
	}
	if got := codeOf(arenaFailure(fmt.Errorf("tmpfs option huge=x: %w", unix.EINVAL), "")); got != exitFailed {
		t.Errorf("another option: got %d", got)
	}
}

func TestUnfit(t *testing.T) {
	limited := regions.Usage{Bytes: 4 << 30, BytesUsed: 2 << 30, Nodes: 100, NodesUsed: 50}
	for _, c := range []struct {
		use          regions.Usage
		bytes, nodes int64
		want         string
	}{
		{limited, 1 << 30, -1, "a size of 1.0G is less than the 2.0G in use"},
		{limited, -1, 49, "49 inodes are less than the 50 in use"},
		{limited, 2 << 30, 50, ""},
		{limited, regions.Unlimited, regions.Unlimited, ""},
		{regions.Usage{}, 1 << 30, -1, "the size is unlimited"},
		{regions.Usage{}, -1, 9, "the number of inodes is unlimited"},
		{regions.Usage{}, regions.Unlimited, regions.Unlimited, ""},
	} {
		if got := unfit(c.use, c.bytes, c.nodes); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
}

// TestOnePlaceOneServer: the place of an arena is held, and one that was ended and made again is another.
func TestOnePlaceOneServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id", "arena")
	if p, err := tryClaim(path); p != nil || err != nil {
		t.Fatalf("a place that is not there: %v, %v", p, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := tryClaim(path)
	if err != nil || first == nil {
		t.Fatal(err)
	}
	if second, err := tryClaim(path); second != nil || err != nil {
		t.Errorf("two have it: %v, %v", second, err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Dir(path)), os.MkdirAll(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	next, err := tryClaim(path)
	if err != nil || next == nil {
		t.Fatalf("made again: %v, %v", next, err)
	}
	if first.ours() || !next.ours() {
		t.Errorf("the first still counts it as its own: %v; the next: %v", first.ours(), next.ours())
	}
	if err := errors.Join(first.release(false), next.release(true)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the first ended what is the next one's: %v", err)
	}
}

func TestLeave(t *testing.T) {
	w := newWorld()
	w.mounts.refuse = map[string]error{"unmount": syscall.EBUSY}
	w.finder.held = []holder{{PID: 7, Command: "cat", Holds: []hold{{How: "cwd"}}}}
	s := &serving{sh: w.shell, point: "/m", log: slog.New(slog.NewTextHandler(&w.out, nil)), current: policy.NewCurrent(policy.Default(), nil)}
	refused := s.leave(time.Time{})
	if refused.IsZero() {
		t.Fatal("it is busy, and yet it left")
	}
	contains(t, w.err.String(), "/m is busy", "pid 7", "ask again within 5s")
	s.options.behind = true
	s.leave(time.Time{})
	contains(t, w.out.String(), "level=WARN msg=held pid=7 command=cat how=cwd")
	w.mounts.refuse = nil
	if again := s.leave(refused); !again.IsZero() {
		t.Error("asked again, it refused")
	}
	s.leave(time.Now().Add(-time.Minute))
	if got, want := strings.Join(w.mounts.log, ", "), "unmount m false, unmount m false, unmount m true, unmount m false"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAwaitUnmountsWhenItsContextEnds(t *testing.T) {
	w := newWorld()
	done := make(chan struct{})
	s := &serving{sh: w.shell, point: "/m", log: slog.New(slog.DiscardHandler)}
	w.mounts.away = func() { close(done) }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.await(ctx, done)
	if got := strings.Join(w.mounts.log, ", "); got != "unmount m false" {
		t.Errorf("got %q, want one unmount", got)
	}
}

func TestReload(t *testing.T) {
	var log bytes.Buffer
	file := filepath.Join(t.TempDir(), "c.toml")
	s := &serving{log: slog.New(slog.NewTextHandler(&log, nil)), level: &slog.LevelVar{}}
	s.current = policy.NewCurrent(policy.Default(), s.apply)
	s.reload()
	contains(t, log.String(), "mounted without a configuration file")
	s.options.configFile, s.options.overrides.options = file, "log_level=warn"
	for text, want := range map[string]string{
		"siez = 1":              "the configuration stays as it is",
		"huge = \"never\"\n":    "keys=[huge]",
		"log_level = \"debug\"": "changed=[log_level]",
		"keep = true":           "changed=\"[keep log_level]\"",
	} {
		log.Reset()
		s.current = policy.NewCurrent(policy.Default(), s.apply)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload()
		contains(t, log.String(), want)
	}
	if got := s.level.Level(); got != slog.LevelWarn {
		t.Errorf("what was said on the command line does not hold: level %v", got)
	}
}
