//go:build linux

package mounts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const touchedPath = "SHMFS_TEST_TOUCH" // in the environment: this process touches a region, and nothing else

const touched = 20 << 20 // bytes

// memoryCgroup makes a cgroup whose children's memory is counted, in the hierarchy of v2.
func memoryCgroup(t *testing.T, name string) cgroup {
	t.Helper()
	const root = "/sys/fs/cgroup"
	there, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil || !strings.Contains(" "+strings.TrimSpace(string(there))+" ", " memory ") {
		t.Skipf("no memory is counted in cgroup v2 here (%q, %v): run it in a guest of integration/kernels", there, err)
	}
	g := newCgroup(t, name)
	for _, dir := range []string{root, g.dir} {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			t.Skipf("memory cannot be counted below %s: %v", dir, err)
		}
	}
	return g
}

// touch has a process of the cgroup touch a region: its memory is counted there.
func (g cgroup) touch(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := exec.Command(self, "-test.run=^TestTouchedInACgroup$", "-test.v")
	cmd.Env = append(os.Environ(), touchedPath+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if r := run(t, cmd); r.code != 0 || !strings.Contains(r.stdout, "--- PASS: TestTouchedInACgroup") {
		t.Fatalf("%+v", r)
	}
}

func TestTouchedInACgroup(t *testing.T) {
	path := os.Getenv(touchedPath)
	if path == "" {
		t.Skip("run by TestUnifiedCgroups")
	}
	if err := touch(path, touched); err != nil {
		t.Fatal(err)
	}
}

// In cgroup v2, where it is what memory is counted in: limits of a cgroup and of the one above hold, and its memory, the
// limit of that and the pressure are told beside what was promised.
func TestUnifiedCgroups(t *testing.T) {
	g := memoryCgroup(t, "v2")
	a, b := g.below(t, "a"), g.below(t, "b")
	const memory, limit, above = 512 << 20, 32 << 20, 30 << 20
	if !a.limitMemory(t, memory) {
		t.Fatal("a cgroup below has no memory.max")
	}
	m := serve(t, "--size=256M", "--huge=never")
	m.tell(t, "limits", "cgroup "+a.path+" bytes="+strconv.Itoa(limit))
	at := func(name string) string { return filepath.Join(m.dir, name) }
	wantErrno(t, "within it", a.growTo(t, at("r"), 24<<20), 0)
	a.touch(t, at("r"))
	wantErrno(t, "beyond it", a.growTo(t, at("s"), 9<<20), syscall.EDQUOT)
	told := m.lastError(t)
	t.Log(told)
	for _, want := range []string{"24M of the 32M bytes of cgroup " + a.path + " are promised, and 9.0M more asked for",
		"; the caller's cgroup " + a.path + " has ", " of its 512M of memory in use", "echo 'cgroup " + a.path + " bytes="} {
		if !strings.Contains(told, want) {
			t.Errorf("got %s, want %q", told, want)
		}
	}
	wantErrno(t, "elsewhere", growTo(at("else"), 100<<20), 0)
	m.tell(t, "limits", "cgroup "+g.path+" bytes="+strconv.Itoa(above))
	wantErrno(t, "beyond that of the one above", b.growTo(t, at("t"), 7<<20), syscall.EDQUOT)
	wantErrno(t, "within that of the one above", b.growTo(t, at("t"), 6<<20), 0)
	checkUnifiedUsage(t, m, g, a, memory)
	r := shmfs(t, "usage", "--by", "cgroup", m.dir)
	t.Log(r.stdout)
	for _, want := range []string{"MEMORY", "PRESSURE", "512M", a.path + "\n", b.path + "\n"} {
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("shmfs usage does not show %q: %+v", want, r)
		}
	}
}

// checkUnifiedUsage checks what .ctl/usage/cgroup tells of a cgroup, and of the one above it.
func checkUnifiedUsage(t *testing.T, m *mount, g, a cgroup, memory int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, ".ctl/usage/cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	for key, want := range map[string]int64{"promised": 24 << 20, "resident": touched, "limit_bytes": 32 << 20, "memory_limit": memory} {
		if got := m.usage(t, "cgroup", a.path, key); got != want {
			t.Errorf("%s of %s is %d, want %d", key, a.path, got, want)
		}
	}
	for _, path := range []string{a.path, g.path} {
		if got := m.usage(t, "cgroup", path, "memory_used"); got < touched || got > memory+touched {
			t.Errorf("the memory of %s is told as %d: it touched %d", path, got, touched)
		}
	}
	_, err = os.ReadFile(filepath.Join(a.dir, "memory.pressure")) // EOPNOTSUPP where the kernel was started with psi=0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "name="+a.path+" ") {
			continue
		}
		if got := strings.Contains(line, " memory_pressure_some_avg10="); got != (err == nil) {
			t.Errorf("the pressure is told: %t, and can be read: %v", got, err)
		}
	}
}
