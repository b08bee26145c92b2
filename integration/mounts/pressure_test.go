//go:build linux

package mounts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// in answers how a program is started in control groups.
func in(groups ...cgroup) []string {
	script := `for dir; do shift; [ "$dir" = -- ] && break; echo $$ > "$dir/cgroup.procs" || exit 1; done; exec "$@"`
	words := []string{"sh", "-c", script, "sh"}
	for _, g := range groups {
		words = append(words, g.dir)
	}
	return append(words, "--")
}

// thrash starts a program in a control group of a server's that waits for memory, again and again: it reads a file that is
// larger than its memory may be.
func thrash(t *testing.T, g cgroup) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "holes")
	newFile(t, file)
	var st unix.Statfs_t
	if err := unix.Statfs(file, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		t.Skip("needs a directory for temporary files that is on a disk: what is read of it is to take memory")
	}
	if err := os.Truncate(file, 1<<30); err != nil {
		t.Fatal(err)
	}
	groups := []cgroup{g}
	if _, err := os.Stat("/sys/fs/cgroup/memory/cgroup.procs"); err == nil {
		limited := newCgroup(t, "pressure")
		limited.limitMemory(t, 16<<20)
		groups = append(groups, limited)
	} else if !g.limitMemory(t, 192<<20) {
		t.Skip("no control group with a limit of memory can be made here")
	}
	words := append(in(groups...), "cat")
	for range 1000 { // which takes longer than any test
		words = append(words, file)
	}
	cmd := exec.Command(words[0], words[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// Programs of the server's control group wait for memory: what only waits for its time ends before it, and nothing else.
func TestMemoryPressureEndsEarly(t *testing.T) {
	g := unifiedCgroup(t)
	if _, err := os.Stat(filepath.Join(g.dir, "memory.pressure")); err != nil {
		t.Skipf("the kernel does not tell how long programs wait for memory: %v", err)
	}
	m := serveAt(t, t.TempDir(), in(g), "--size=64M", "--pressure=some:1%/2s")
	if b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/health")); err != nil || strings.Contains(string(b), "memory is short") {
		t.Skipf("nobody tells here: %s", b)
	}
	dir := m.setLife(t, "d", "lifetime", "last-user,grace=1h")
	later := filepath.Join(m.setLife(t, "later", "lifetime", "ttl=1h"), "r")
	pinned := filepath.Join(m.setLife(t, "d/pinned", "pin", "true"), "r")
	var all []string
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, filepath.Join(dir, name))
	}
	held, err := os.Create(filepath.Join(dir, "held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, path := range append([]string{later, pinned, held.Name()}, all...) {
		if err := os.WriteFile(path, make([]byte, 64<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (n int) {
		for _, path := range all {
			if !gone(path) {
				n++
			}
		}
		return n
	}
	m.waitFor(t, "deadlines", func() bool {
		cares := m.cares(t)
		return strings.Contains(cares["d/a"], "state=counting") && strings.Contains(cares["d/b"], "state=counting") &&
			strings.Contains(cares["d/c"], "state=counting") && strings.Contains(cares["d/held"], "state=in_use")
	})
	thrash(t, g)
	m.waitFor(t, "ends before their time", func() bool { return there() == 0 })
	for _, path := range []string{later, pinned, held.Name()} {
		if gone(path) {
			t.Errorf("%s is gone", path)
		}
	}
	m.waitFor(t, "three that are counted as ended", func() bool {
		return m.number(t, "gc_pressure_ended_total") == 3 && m.number(t, "gc_ended_early_total") == 3
	})
	m.waitFor(t, "word of it", func() bool {
		return slices.ContainsFunc(m.events(t), func(e told) bool {
			return e.Event == "memory_pressure" && strings.Contains(e.Reason, "ended before their time")
		})
	})
	m.tell(t, "config", "pressure=off")
	if err := os.WriteFile(all[0], make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if gone(all[0]) {
			t.Fatal("it ended though pressure=off")
		}
	}
}

// Where the kernel does not tell, that is a loss that is named, and none where it is not asked.
func TestPressureThatNobodyTells(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv")
	}
	drop := []string{"setpriv", "--inh-caps=-sys_resource", "--bounding-set=-sys_resource"}
	m := serveAt(t, t.TempDir(), drop, "--size=64M", "--pressure=some:10%/3s") // which it tells who has the capability
	health := func() string {
		b, err := os.ReadFile(filepath.Join(m.dir, ".ctl/health"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const loss = `what="ends before their time when memory is short"`
	if text := health(); !strings.Contains(text, loss) || !strings.HasPrefix(text, "status ok\n") {
		t.Errorf("health has\n%s", text)
	}
	m.tell(t, "config", "pressure=off")
	if text := health(); strings.Contains(text, loss) {
		t.Errorf("with pressure=off health has\n%s", text)
	}
}
