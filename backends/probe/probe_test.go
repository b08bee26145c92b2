package probe

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// good is a Linux where nothing is missing; a test changes it.
func good() Machine {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return Machine{
		Trials: &trials{},
		Root: fstest.MapFS{
			"proc/sys/kernel/osrelease":                        file("6.18.44-generic\n"),
			"proc/self/status":                                 file("Name:\tshmfs\nCapEff:\t000001ffffffffff\n"),
			"proc/self/uid_map":                                file("         0          0 4294967295\n"),
			"proc/self/limits":                                 file("Limit   Soft   Hard   Units\nMax open files            1024   524288   files\n"),
			"proc/self/cgroup":                                 file("0::/user.slice/a\n"),
			"proc/self/mountinfo":                              file("30 22 0:45 / /dev/shm rw - tmpfs tmpfs rw\n"),
			"proc/meminfo":                                     file("MemTotal:       16777216 kB\nMemAvailable:   12582912 kB\nSwapTotal:  0 kB\n"),
			"sys/fs/cgroup/user.slice/a/memory.max":            file("max\n"),
			"sys/kernel/mm/transparent_hugepage/shmem_enabled": file("always [never] deny\n"),
			"usr/bin/fusermount3":                              {Mode: 0o755 | fs.ModeSetuid},
			"etc/fuse.conf":                                    file("# a comment\n user_allow_other \n"),
			"sbin/mount.shmfs":                                 file(""),
		},
	}
}

// trials refuse what a test says.
type trials struct{ fuse, passthrough, tmpfs, huge, xattr, pressure error }

func (t *trials) OpenFUSE() error    { return t.fuse }
func (t *trials) Passthrough() error { return t.passthrough }
func (t *trials) UserXattr() error   { return t.xattr }
func (t *trials) Pressure() error    { return t.pressure }
func (t *trials) Tmpfs(option string) error {
	if option != "" {
		return t.huge
	}
	return t.tmpfs
}

func fact(facts []Fact, name string) Fact {
	for _, f := range facts {
		if f.Name == name {
			return f
		}
	}
	return Fact{}
}

func TestNothingMissing(t *testing.T) {
	for _, f := range Run("linux", good()) {
		if f.State != OK || f.Found == "" || f.Why != "" || f.Remedy != "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestEachAnswer changes one thing of a good machine, and looks at the fact that it is about.
func TestEachAnswer(t *testing.T) {
	refused := errors.New("refused")
	denied := fs.ErrPermission
	write := func(path, text string) func(*Machine, *trials) {
		return func(m *Machine, _ *trials) { m.Root.(fstest.MapFS)[path] = &fstest.MapFile{Data: []byte(text)} }
	}
	remove := func(path string) func(*Machine, *trials) {
		return func(m *Machine, _ *trials) { delete(m.Root.(fstest.MapFS), path) }
	}
	user := func(m *Machine, _ *trials) { m.UID = 1000 }
	try := func(change func(*trials)) func(*Machine, *trials) { return func(_ *Machine, t *trials) { change(t) } }
	const caps, release, limits = "proc/self/status", "proc/sys/kernel/osrelease", "proc/self/limits"
	for _, c := range []struct {
		name   string
		state  State
		said   string
		change []func(*Machine, *trials)
	}{
		{"kernel", Missing, "Linux 5.2", with(write(release, "4.19.0"))},
		{"kernel", Less, "tested on Linux 6.1", with(write(release, "5.15.1"))},
		{"kernel", Less, "Linux 6.9", with(write(release, "6.1.0-13-amd64"))},
		{"kernel", Less, "seen too late", with(write(release, "6.9"))},
		{"kernel", OK, "Linux 7.0-rc1", with(write(release, "7.0-rc1\n"))},
		{"kernel", Less, "unknown", with(write(release, "strange"))},
		{"kernel", Less, "unknown", with(remove(release))},
		{"privileges", Less, "root, without CAP_SYS_ADMIN", with(write(caps, "CapEff:\t000001ffffdfffff\n"))},
		{"privileges", Less, "user 1000", with(user, write(caps, "CapEff:\t0000000000000000\n"))},
		{"privileges", Less, "user namespace", with(write("proc/self/uid_map", "0 1000 1\n"))},
		{"privileges", Less, "does not tell", with(remove(caps))},
		{"fuse_device", Missing, "modprobe fuse", with(try(func(t *trials) { t.fuse = fs.ErrNotExist }))},
		{"fuse_device", Missing, "chmod 666", with(try(func(t *trials) { t.fuse = denied }))},
		{"passthrough", Less, "the kernel: refused", with(try(func(t *trials) { t.passthrough = refused }))},
		{"arena", Missing, "--cap-add", with(try(func(t *trials) { t.tmpfs = denied }))},
		{"arena", Less, "directory under /dev/shm", with(user, try(func(t *trials) { t.tmpfs = denied }))},
		{"arena", Missing, "no /dev/shm", with(user, remove("proc/self/mountinfo"), try(func(t *trials) { t.tmpfs = denied }))},
		{"huge_pages", Less, "deny", with(write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always never [deny]"))},
		{"huge_pages", Less, "without root", with(user, try(func(t *trials) { t.huge = denied }))},
		{"huge_pages", Less, "CONFIG_TRANSPARENT_HUGEPAGE", with(try(func(t *trials) { t.huge = refused }))},
		{"user_xattr", Less, "Linux 6.6", with(try(func(t *trials) { t.xattr = refused }))},
		{"memory", Less, "more than is available", with(write("proc/meminfo", "MemTotal: 100 kB\nMemAvailable: 40 kB\n"))},
		{"memory", Less, "unknown", with(remove("proc/meminfo"))},
		{"cgroup_memory", Less, "a limit of 1.0G", with(write("sys/fs/cgroup/user.slice/memory.max", "1073741824\n"))},
		{"cgroup_memory", OK, "no limit", with(write("sys/fs/cgroup/user.slice/memory.max", "1099511627776\n"))},
		{"cgroup_memory", Less, "a limit of 2.0G", with(write("proc/self/cgroup", "4:cpu,memory:/x/y\nnonsense\n"),
			write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2147483648"))},
		{"cgroup_memory", Less, "a limit of 3.0G", with(write("sys/fs/cgroup/unified/memory.max", "3221225472"))},
		{"memory_pressure", Less, "psi=1", with(try(func(t *trials) { t.pressure = refused }))},
		{"memory_pressure", Less, "CAP_SYS_RESOURCE", with(try(func(t *trials) { t.pressure = denied }))},
		{"descriptors", Less, "ulimit", with(write(limits, "Max open files  256  1024  files\n"))},
		{"descriptors", OK, "unlimited", with(write(limits, "Max open files  1024  unlimited  files\n"))},
		{"descriptors", OK, "unknown", with(remove(limits))},
		{"fusermount3", Less, "not installed", with(remove("usr/bin/fusermount3"))},
		{"fusermount3", Less, "not set-user-id", with(user, write("usr/bin/fusermount3", ""))},
		{"fusermount3", OK, "/usr/bin/fusermount3", with(write("usr/bin/fusermount3", ""))},
		{"user_allow_other", Less, "echo user_allow_other", with(write("etc/fuse.conf", "#user_allow_other\n"))},
		{"mount_helper", Less, "ln -s", with(remove("sbin/mount.shmfs"))},
		{"mode", Missing, "without /dev/fuse", with(try(func(t *trials) { t.fuse = fs.ErrNotExist }))},
		{"mode", Missing, "may not mount", with(try(func(t *trials) { t.tmpfs = denied }))},
		{"mode", Missing, "fusermount3", with(user, remove("usr/bin/fusermount3"))},
		{"mode", Less, "unprivileged", with(user)},
		{"mode", Less, "cached", with(try(func(t *trials) { t.passthrough = refused }))},
	} {
		m, tr := good(), &trials{}
		m.Trials = tr
		for _, change := range c.change {
			change(&m, tr)
		}
		f := fact(Run("linux", m), c.name)
		if all := f.Found + " " + f.Why + " " + f.Remedy; f.State != c.state || !strings.Contains(all, c.said) {
			t.Errorf("%s: got %+v, want %s and %q", c.name, f, c.state, c.said)
		}
		if f.State != OK && f.Why == "" {
			t.Errorf("%+v does not say why", f)
		}
	}
}

func with(changes ...func(*Machine, *trials)) []func(*Machine, *trials) { return changes }

func TestOtherSystems(t *testing.T) {
	for goos, path := range map[string]string{
		"windows": "Program Files (x86)/WinFsp/bin/winfsp-x64.dll", "darwin": "Library/Filesystems/macfuse.fs",
	} {
		without := Run(goos, Machine{Root: fstest.MapFS{}})
		if f := fact(without, "library"); f.State != Missing || !strings.HasPrefix(f.Remedy, "install it: https://") {
			t.Errorf("%s without a library: %+v", goos, f)
		}
		facts := Run(goos, Machine{Root: fstest.MapFS{path: {}}})
		if f := fact(facts, "library"); f.State != OK {
			t.Errorf("%s with its library: %+v", goos, f)
		}
		if facts[0].Name != "mode" || facts[0].State != Missing {
			t.Errorf("%s: %+v", goos, facts[0])
		}
	}
	if f := Run("plan9", Machine{})[0]; f.State != Missing || !strings.Contains(f.Why, "plan9") {
		t.Errorf("plan9: %+v", f)
	}
}

func FuzzRelease(f *testing.F) {
	for _, s := range []string{"6.18.44", "6.1.0-13-amd64", "7.0-rc1", "6.", ".", "6.18x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRelease(s)
		if err == nil && !r.atLeast(r.major, r.minor) {
			t.Errorf("%q: %+v is not at least itself", s, r)
		}
	})
}
