//go:build linux

package mounts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
)

// The codes of fsck(8).
const (
	fsckClean  = 0
	fsckMended = 1
	fsckLeft   = 4
	fsckFailed = 8
)

// killBoth kills keeper and server of a mount, and waits until neither is there.
func killBoth(t *testing.T, m *mount) {
	t.Helper()
	server := m.number(t, "server_pid")
	for _, pid := range []int{m.cmd.Process.Pid, server} {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	<-m.ended
	waitGone(t, server)
}

// fsckLine is what --json prints of an arena.
type fsckLine struct {
	Arena, State string
	Regions      int
	Findings     []struct{ Kind, Path, State string }
}

// fsck runs shmfs fsck and answers what it says of an arena, its exit code and the kinds of findings by path.
func fsck(t *testing.T, place string, args ...string) (fsckLine, int, map[string]string) {
	t.Helper()
	r := shmfs(t, append([]string{"fsck", "--json"}, args...)...)
	kinds := map[string]string{}
	for line := range strings.Lines(r.stdout) {
		var l fsckLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l.Arena != place {
			continue
		}
		for _, f := range l.Findings {
			kinds[f.Path] = f.Kind + " " + f.State
		}
		return l, r.code, kinds
	}
	return fsckLine{}, r.code, kinds
}

// What is broken by hand in the arena of a mount whose keeper and server were killed is found, mended, and adopted.
func TestFsckMendsWhatADeadMountLeft(t *testing.T) {
	m := serve(t, "--size=64M")
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(m.dir, fmt.Sprint("r", i)), []byte(fmt.Sprint("bytes of ", i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := shmfs(t, "fsck", "--repair", m.dir); r.code != fsckFailed || !strings.Contains(r.stderr, "is served") {
		t.Errorf("--repair of what is served: %+v, want code %d", r, fsckFailed)
	}
	place := tmpfs.Place(m.dir, 0)
	if l, code, _ := fsck(t, place, m.dir); code != fsckClean || l.State != "served" || l.Regions != 20 {
		t.Errorf("while it is served: %+v, code %d", l, code)
	}
	killBoth(t, m)
	if l, code, _ := fsck(t, place, m.dir); code != fsckClean || l.State != "dead" || l.Regions != 20 {
		t.Errorf("when it is dead: %+v, code %d", l, code)
	}
	damageArena(t, place)
	want := map[string]string{"r1": "no-record found", "r2": "unreadable-record found", "r3": "repeated-id found",
		"made by hand": "no-record found", place: "mount-flags found", filepath.Dir(place): "open-place found"}
	expect := func(what string, got map[string]string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: found\n%v, want\n%v", what, got, want)
		}
	}
	for range 2 { // the first one has changed nothing
		_, code, kinds := fsck(t, place, m.dir)
		if expect("dry", kinds); code != fsckLeft {
			t.Errorf("dry: code %d, want %d", code, fsckLeft)
		}
	}
	_, code, kinds := fsck(t, place, "--repair", filepath.Dir(place)) // by the arena's own place
	for path, x := range want {
		want[path] = strings.Replace(x, "found", "mended", 1)
	}
	if expect("mended", kinds); code != fsckMended {
		t.Errorf("mended: code %d, want %d", code, fsckMended)
	}
	if _, code, kinds := fsck(t, place, m.dir); code != fsckClean || len(kinds) > 0 {
		t.Errorf("afterwards: code %d, %v", code, kinds)
	}
	adoptsAll(t, m, 21)
}

// damageArena breaks what there is to be broken.
func damageArena(t *testing.T, place string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(place, name) }
	const record = "trusted.shmfs.record"
	buf := make([]byte, 256)
	n, err := unix.Getxattr(at("r0"), record, buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		unix.Removexattr(at("r1"), record),
		unix.Setxattr(at("r2"), record, []byte("damaged"), 0),
		unix.Setxattr(at("r3"), record, buf[:n], 0),
		os.WriteFile(at("made by hand"), []byte("bytes"), 0o600),
		os.Link(at("r4"), at("r4 too")),
		os.Chmod(filepath.Dir(place), 0o755),
		unix.MountSetattr(unix.AT_FDCWD, place, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NOSUID}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// adoptsAll mounts again, and looks for every region with bytes and an id of its own.
func adoptsAll(t *testing.T, m *mount, regions int) {
	t.Helper()
	if r := background(t, m.dir, "--size=64M", "--replace"); r.code != exitOK || !strings.Contains(r.stdout, fmt.Sprint(regions, " regions adopted")) {
		t.Fatalf("mount --replace: %+v", r)
	}
	ids := map[string]string{}
	r := shmfs(t, "ls", "--json", m.dir)
	for line := range strings.Lines(r.stdout) {
		var x struct{ ID, Path string }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if x.ID == "" || ids[x.ID] != "" {
			t.Errorf("%s has the id %q, as %q", x.Path, x.ID, ids[x.ID])
		}
		ids[x.ID] = x.Path
	}
	if len(ids) != regions {
		t.Errorf("%d regions with an id, want %d:\n%s", len(ids), regions, r.stdout)
	}
	for i := range 20 {
		if b, err := os.ReadFile(filepath.Join(m.dir, fmt.Sprint("r", i))); err != nil || string(b) != fmt.Sprint("bytes of ", i) {
			t.Errorf("r%d reads %q (%v)", i, b, err)
		}
	}
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
	leftArena(t, m.dir, 0)
}

// Places of mounts that have ended: regions are never taken away, what is empty is.
func TestFsckOfEndedMounts(t *testing.T) {
	m := serve(t, "--size=64M", "--keep")
	if err := os.WriteFile(filepath.Join(m.dir, "r"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.cmd.Process.Signal(unix.SIGTERM)
	<-m.ended
	place := tmpfs.Place(m.dir, 0)
	t.Cleanup(func() { tmpfs.End(place) })
	if l, code, kinds := fsck(t, place, "--repair", m.dir); code != fsckClean || l.State != "left" || kinds[place] != "kept note" {
		t.Errorf("kept regions: %+v, code %d", l, code)
	}
	if l, _, _ := fsck(t, place); l.State != "left" || l.Regions != 1 {
		t.Errorf("without an argument: %+v", l)
	}
	foreign := filepath.Join(filepath.Dir(place), "notes.txt")
	for _, err := range []error{os.Remove(filepath.Join(place, "r")), os.WriteFile(foreign, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, code, kinds := fsck(t, place, "--repair", place); code != fsckLeft || kinds[foreign] != "foreign-entry left" {
		t.Errorf("beside somebody's file: code %d, %v", code, kinds)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if _, code, kinds := fsck(t, place, place); code != fsckLeft || kinds[filepath.Dir(place)] != "empty-place found" {
		t.Errorf("an empty place: code %d, %v", code, kinds)
	}
	if _, code, _ := fsck(t, place, "--repair", m.dir); code != fsckMended {
		t.Errorf("an empty place: code %d, want %d", code, fsckMended)
	}
	leftArena(t, m.dir, 0)
	if r := shmfs(t, "fsck", m.dir); r.code != fsckFailed {
		t.Errorf("nothing was left: %+v, want code %d", r, fsckFailed)
	}
}

// A ledger that outlives its keeper is named, with who holds it.
func TestFsckNamesLedgersWithoutAKeeper(t *testing.T) {
	m := serve(t, "--size=64M")
	keeper := m.cmd.Process.Pid
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", keeper))
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("sleep", "1000")
	for _, e := range fds {
		path := fmt.Sprintf("/proc/%d/fd/%s", keeper, e.Name())
		if link, _ := os.Readlink(path); strings.HasPrefix(link, "/memfd:shmfs-ledger") {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			holder.ExtraFiles = []*os.File{f}
			break
		}
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { holder.Process.Kill(); holder.Wait() }()
	holder.ExtraFiles[0].Close()
	want := fmt.Sprintf("pid %d (sleep) holds the ledger of a keeper that is gone (pid %d)", holder.Process.Pid, keeper)
	if r := shmfs(t, "fsck"); strings.Contains(r.stdout, want) {
		t.Errorf("while the keeper lives: %+v", r)
	}
	killBoth(t, m)
	if r := shmfs(t, "fsck"); !strings.Contains(r.stdout, want) || r.code != fsckLeft {
		t.Errorf("%+v, want code %d and %q", r, fsckLeft, want)
	}
	if r := shmfs(t, "umount", m.dir); r.code != exitOK {
		t.Errorf("umount: %+v", r)
	}
}
