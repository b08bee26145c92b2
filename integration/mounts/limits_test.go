//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	limitedTo  = 4 << 20 // bytes
	limitedAt  = 5       // regions, nodes
	page       = 4096
	limitUser  = 4242
	limitGroup = 4243
)

// kindOfLimit is where a limit is set, and what a program hears that meets it.
type kindOfLimit struct {
	name  string
	where place
	errno syscall.Errno
	// set sets limits below which dir is: "bytes=4M", "regions=5". Nil for those of a subject.
	set func(t *testing.T, m *mount, dir, limit string)
	// subject is whose limit it is, in .ctl/limits.
	subject func(t *testing.T) string
	other   bool // the limited user grows, and not root
}

// place is what a limit is about.
type place uint8

const (
	ofMount place = iota
	ofDirectory
	ofOwners // users, groups, who are told by the region alone
	ofMaker  // what the process that made a region is, or was in
	ofLabels
)

// limitedUser is who has limits of users and groups here: in a mount of an ordinary user, he himself.
func limitedUser() (uid, gid int) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	return limitUser, limitGroup
}

// tell writes to a control file, and fails where that is refused.
func (m *mount) tell(t *testing.T, file, line string) {
	t.Helper()
	if err := m.try(file, line); err != nil {
		t.Fatalf("%s > %s: %v\n%s", line, file, err, m.lastError(t))
	}
}

func (m *mount) try(file, line string) error {
	return os.WriteFile(filepath.Join(m.dir, ".ctl", file), []byte(line), 0)
}

func (m *mount) relative(t *testing.T, dir string) string {
	t.Helper()
	rel, err := filepath.Rel(m.dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func setOnDirectory(t *testing.T, m *mount, dir, limit string) {
	m.tell(t, "limits", "directory "+m.relative(t, dir)+" "+limit)
}

var kindsOfLimit = []kindOfLimit{
	{name: "mount", where: ofMount, errno: syscall.ENOSPC, set: func(t *testing.T, m *mount, _, limit string) {
		if bytes, ok := strings.CutPrefix(limit, "bytes="); ok {
			m.tell(t, "config", "size="+bytes)
			return
		}
		m.tell(t, "limits", "mount "+limit)
	}},
	{name: "directory", where: ofDirectory, errno: syscall.EDQUOT, set: setOnDirectory},
	{name: "xattr", where: ofDirectory, errno: syscall.EDQUOT, set: func(t *testing.T, m *mount, dir, limit string) {
		if err := unix.Setxattr(dir, "user.shmfs.limit", []byte(limit), 0); err != nil {
			t.Fatal(err)
		}
	}},
	{name: "directory above", where: ofDirectory, errno: syscall.EDQUOT, set: func(t *testing.T, m *mount, dir, limit string) {
		setOnDirectory(t, m, filepath.Dir(dir), limit)
	}},
	{name: "user", where: ofOwners, errno: syscall.EDQUOT, other: true, subject: func(*testing.T) string {
		uid, _ := limitedUser()
		return fmt.Sprint("user ", uid)
	}},
	{name: "group", where: ofOwners, errno: syscall.EDQUOT, other: true, subject: func(*testing.T) string {
		_, gid := limitedUser()
		return fmt.Sprint("group ", gid)
	}},
	{name: "every user", where: ofOwners, errno: syscall.EDQUOT, other: true, set: func(t *testing.T, m *mount, _, limit string) {
		m.tell(t, "config", "user_limit="+limit)
	}},
	{name: "owner", where: ofMaker, errno: syscall.EDQUOT, subject: func(*testing.T) string { return fmt.Sprint("owner ", os.Getpid()) }},
	{name: "cgroup", where: ofMaker, errno: syscall.EDQUOT, subject: func(t *testing.T) string { return "cgroup " + strconv.Quote(ownCgroup(t)) }},
	{name: "label", where: ofLabels, errno: syscall.EDQUOT, subject: func(*testing.T) string { return "label " + limitedLabel }},
}

const limitedLabel = "job=limited"

// ownCgroup is the one that memory of this process is counted in: of v1's memory controller, or else of v2.
func ownCgroup(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	unified := ""
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "memory") {
			return parts[2]
		}
		if len(parts) == 3 && parts[0] == "0" {
			unified = parts[2]
		}
	}
	if unified == "" {
		t.Skip("no memory is counted in cgroups here")
	}
	return unified
}

// Whoever is refused hears who holds the most of what is full.
func TestRefusalsNameWhoHoldsTheMost(t *testing.T) {
	g := newCgroup(t, "most")
	for _, x := range []struct{ limit, want string }{
		{"mount regions=3", "; user 0 holds the most, 2"},
		{"directory d bytes=3M", "; user 0 holds the most, 2.0M"},
		{"user 0 bytes=4M", "; the directory d holds the most, 2.0M"},
		{"group 0 regions=3", "; user 0 holds the most, 2"},
		{"cgroup " + g.path + " bytes=1M", "; owner "},
	} {
		t.Run(x.limit, func(t *testing.T) {
			m := serve(t, "--size=64M", "--huge=never")
			d := m.mkdir(t, "d")
			wantErrno(t, "in the directory", growTo(filepath.Join(d, "a"), 2<<20), 0)
			wantErrno(t, "in the cgroup", g.growTo(t, filepath.Join(m.dir, "b"), 1<<20), 0)
			wantErrno(t, "as another user", errors.Join(growTo(filepath.Join(d, "c"), 1<<20),
				os.Chown(filepath.Join(d, "c"), limitUser, 0)), 0)
			m.tell(t, "limits", x.limit)
			if err := g.growTo(t, filepath.Join(d, "more"), 3<<20); err == nil {
				t.Fatal("it is granted")
			}
			for range 2 { // it stays as it was first told
				if got := m.lastError(t); !strings.Contains(got, x.want) || strings.Count(got, "holds the most") != 1 {
					t.Errorf("got %s, want %q", got, x.want)
				}
			}
		})
	}
	m := serve(t, "--size=4M", "--huge=never")
	wantErrno(t, "a part", growTo(filepath.Join(m.dir, "a"), 3<<20), 0)
	wantErrno(t, "more than there is", growTo(filepath.Join(m.dir, "b"), 2<<20), syscall.ENOSPC)
	if got := m.lastError(t); !strings.Contains(got, "; user 0 holds the most, 3.0M") {
		t.Errorf("got %s", got)
	}
}

// actAs runs f as another user. The thread is not used again.
func actAs(id uint32, f func() error) error {
	if id == 0 || os.Geteuid() != 0 { // who is not root has nobody else to act as
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		unix.Syscall(unix.SYS_SETFSGID, limitGroup, 0, 0)
		unix.Syscall(unix.SYS_SETFSUID, uintptr(id), 0, 0)
		done <- f()
	}()
	return <-done
}

// Every way of growing meets every kind of limit: what fits is granted, a byte more is refused with the right errno, and
// the reason is told. An ordinary user's mount follows in TestLimitsForAnOrdinaryUser.
func TestLimitsHoldWhateverGrows(t *testing.T) {
	for _, io := range []string{"auto", "cached"} {
		t.Run(io, func(t *testing.T) {
			m := serve(t, "--io="+io, "--size=1G", "--huge=never", "--mode=1777")
			makeReachable(t, m.dir)
			limitsHold(t, m, kindsOfLimit...)
		})
	}
}

func TestLimitsForAnOrdinaryUser(t *testing.T) { runAsNobody(t, "TestLimitsAsNobody") }

// An ordinary user's arena is a directory of a tmpfs that others fill, too, and has no size.
func TestLimitsAsNobody(t *testing.T) {
	dir := os.Getenv(asNobody)
	if dir == "" {
		t.Skip("run by TestLimitsForAnOrdinaryUser")
	}
	limitsHold(t, serveAt(t, dir, nil, "--huge=never"), kindsOfLimit[1:]...)
}

func limitsHold(t *testing.T, m *mount, kinds ...kindOfLimit) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for _, w := range waysToGrow {
				if slices.Contains(w.where, k.where) {
					t.Run(w.name, func(t *testing.T) { limitHolds(t, m, k, w) })
				}
			}
		})
	}
}

// underLimit makes a directory to grow in, below another one, with everything as it was afterwards.
func underLimit(t *testing.T, m *mount, k kindOfLimit, limit string) string {
	t.Helper()
	top, outside := filepath.Join(m.dir, "top"), filepath.Join(m.dir, "outside")
	dir := filepath.Join(top, "in")
	for _, d := range []string{top, dir, outside} {
		if err := errors.Join(os.Mkdir(d, 0o777), os.Chmod(d, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(os.RemoveAll(top), os.RemoveAll(outside)); err != nil {
			t.Error(err)
		}
		if k.where == ofMount {
			m.tell(t, "config", "size=1G")
		}
		m.tell(t, "config", "user_limit=max")
		m.tell(t, "limits", "mount regions=max")
		if k.subject != nil {
			m.tell(t, "limits", k.subject(t)+" bytes=max,regions=max")
		}
	})
	if k.where == ofLabels {
		if err := unix.Setxattr(dir, "user.shmfs.labels", []byte(limitedLabel), 0); err != nil {
			t.Fatal(err)
		}
	}
	if k.subject != nil {
		m.tell(t, "limits", k.subject(t)+" "+limit)
	} else {
		k.set(t, m, dir, limit)
	}
	return dir
}

func limitHolds(t *testing.T, m *mount, k kindOfLimit, w wayToGrow) {
	if w.byRoot && os.Geteuid() != 0 {
		t.Skip("only root gives a region to somebody else")
	}
	dir := underLimit(t, m, k, fmt.Sprintf("bytes=%d", limitedTo))
	grow := func(size int64) error {
		if k.other && !w.byRoot {
			return actAs(limitUser, func() error { return w.grow(dir, size) })
		}
		return w.grow(dir, size)
	}
	if err := grow(limitedTo); errors.Is(err, syscall.EOPNOTSUPP) && os.Geteuid() != 0 {
		t.Skip("not without privilege: ", err)
	} else if err != nil {
		t.Fatalf("up to the limit: %v\n%s", err, m.lastError(t))
	}
	m.empty(t, dir, filepath.Join(m.dir, "outside"))
	if err := grow(limitedTo + 1); !errors.Is(err, k.errno) {
		t.Fatalf("a byte more: got %v, want %v", err, k.errno)
	}
	if told := m.lastError(t); !strings.Contains(told, "promised") || !strings.Contains(told, "remedy=\"remove regions") {
		t.Errorf("not told why: %s", told)
	}
	m.empty(t, dir, filepath.Join(m.dir, "outside"))
	if err := grow(limitedTo); err != nil {
		t.Errorf("again up to the limit: %v\n%s", err, m.lastError(t))
	}
	m.empty(t, dir, filepath.Join(m.dir, "outside"))
}

// empty removes all that is in directories of a mount that has nothing else, and waits until nothing is promised: the
// server hears a moment later of what is closed.
func (m *mount) empty(t *testing.T, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		entries, err := os.ReadDir(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(d, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.waitFor(t, "what was promised", func() bool { return m.number(t, "promised_bytes") == 0 })
}

func (m *mount) lastError(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/errors"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
