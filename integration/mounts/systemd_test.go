//go:build linux

package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/fstest"
	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

// unitFile is what `make install` installs.
const unitFile = "../systemd/shmfs@.service"

func readUnit(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\\\n", "")
}

// What would give the unit a mount namespace hides its mount from everybody else.
func TestUnitHasNoMountNamespace(t *testing.T) {
	for line := range strings.Lines(readUnit(t)) {
		name, _, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		for _, bad := range []string{"ProtectSystem", "ProtectHome", "ProtectKernel", "ProtectControlGroups", "ProtectProc",
			"ProcSubset", "PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateNetwork", "PrivateIPC", "PrivateUsers",
			"MountFlags", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths", "BindPaths",
			"BindReadOnlyPaths", "TemporaryFileSystem", "RootDirectory", "RootImage", "MountImages", "DynamicUser",
			"MountAPIVFS", "StateDirectory", "RuntimeDirectory"} {
			if strings.HasPrefix(name, bad) {
				t.Errorf("%s=: systemd.exec(5) says that it makes a mount namespace", name)
			}
		}
	}
}

func TestUnitIsUnderstood(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "shmfs@mnt-shm.service")
	text := strings.ReplaceAll(readUnit(t), "/usr/local/bin/shmfs", path)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := run(t, exec.Command(analyze, "verify", "--man=no", unit)); r.code != 0 || r.stderr != "" {
		t.Errorf("systemd-analyze verify: %+v", r)
	}
}

// host is a real systemd: the first process of a process and mount namespace of its own, with few units.
type host struct {
	mount         // dir is the mount point as this process sees it
	inside string // as systemd does
	unit   string
	init   int
	units  string
}

// minimal are the units that systemd insists on.
var minimal = []string{"default.target", "sysinit.target", "basic.target", "shutdown.target", "umount.target",
	"multi-user.target"}

// boot starts systemd with the unit for a mount point, and writes its configuration.
func boot(t *testing.T, config string) *host {
	t.Helper()
	needSuccessor(t)
	needRoot(t)
	program := "/lib/systemd/systemd"
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs systemd")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{inside: t.TempDir(), units: t.TempDir()}
	name := run(t, exec.Command("systemd-escape", "--path", h.inside))
	h.unit = "shmfs@" + strings.TrimSpace(name.stdout) + ".service"
	text := strings.NewReplacer("/usr/local/bin/shmfs", path, "/etc/shmfs", h.units).Replace(readUnit(t))
	// A watchdog and a limit that the tests can wait for; no better place before the out-of-memory killer, for which
	// CAP_SYS_RESOURCE is needed, and a container may lack that.
	text = strings.NewReplacer("WatchdogSec=30s", "WatchdogSec=8s", "StartLimitBurst=20", "StartLimitBurst=8",
		"StartLimitIntervalSec=60", "StartLimitIntervalSec=3600", // however slow this machine is
		"OOMScoreAdjust=-900\n", "").Replace(text)
	files := map[string]string{"shmfs@.service": text, strings.TrimSpace(name.stdout) + ".toml": config}
	for _, target := range minimal {
		files[target] = "[Unit]\nDefaultDependencies=no\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(h.units, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h.start(t, program)
	h.dir = fmt.Sprintf("/proc/%d/root%s", h.init, h.inside)
	h.ended = make(chan struct{})
	h.stderr = &lockedBuffer{}
	return h
}

// start boots: in a control group of its own, which systemd takes for the root of all.
func (h *host) start(t *testing.T, program string) {
	t.Helper()
	group := filepath.Join(unified(t), filepath.Base(filepath.Dir(h.units)))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("needs a control group of version 2: %v", err)
	}
	script := `set -e
echo $$ > "$1/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --cgroup --propagation private sh -ec '
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
exec env -i PATH="$PATH" container=other SYSTEMD_UNIT_PATH="$1" "$2" --system --log-target=console --show-status=0
' sh "$2" "$3"`
	cmd := exec.Command("sh", "-c", script, "sh", group, h.units, program)
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Whatever hangs, ends with it: then nobody holds the connection any more.
	limit := time.AfterFunc(4*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		if t.Failed() {
			t.Logf("systemd says:\n%s", log)
		}
		cmd.Process.Kill()
		cmd.Wait()
		removeGroup(group)
	})
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if h.init, _ = strconv.Atoi(strings.TrimSpace(string(b))); h.init > 0 {
			if r := h.command(t, "systemctl", "is-system-running"); strings.TrimSpace(r.stdout) == "running" {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("systemd does not start: %s", log)
		}
	}
}

// unified answers where control groups of version 2 are.
func unified(t *testing.T) string {
	t.Helper()
	table, err := fusemount.Table()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range table {
		if e.Type == "cgroup2" {
			return e.Point
		}
	}
	t.Skip("needs control groups of version 2")
	return ""
}

// removeGroup removes a control group and those below it, when their processes are gone.
func removeGroup(group string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var below []string
		filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				below = append(below, path)
			}
			return nil
		})
		for i := len(below) - 1; i >= 0; i-- {
			os.Remove(below[i])
		}
		if _, err := os.Stat(group); errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// command runs a command where systemd is.
func (h *host) command(t *testing.T, args ...string) ran {
	t.Helper()
	return run(t, exec.Command("nsenter", append([]string{"-t", strconv.Itoa(h.init), "-m", "-p", "-C", "--"}, args...)...))
}

// systemctl runs it on the unit, and wants it to succeed.
func (h *host) systemctl(t *testing.T, verb string) {
	t.Helper()
	if r := h.command(t, "systemctl", verb, h.unit); r.code != 0 {
		t.Fatalf("systemctl %s: %+v\n%s", verb, r, h.command(t, "systemctl", "status", "--no-pager", "--full", h.unit).stdout)
	}
}

// property answers a property of the unit.
func (h *host) property(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(h.command(t, "systemctl", "show", "--value", "--property="+name, h.unit).stdout)
}

// await waits until a property is so.
func (h *host) await(t *testing.T, name, want string) {
	t.Helper()
	h.waitFor(t, name+"="+want, func() bool { return h.property(t, name) == want })
}

// mountedThere answers whether all processes that systemd starts see the mount.
func (h *host) mountedThere(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", h.init))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " "+h.inside+" ")
}

// keeper answers the main process of the unit as this process sees it.
func (h *host) keeper(t *testing.T) int {
	t.Helper()
	inner := h.property(t, "MainPID")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/proc/%s/status", h.init, inner))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok { // from the namespace of that /proc inwards
			if f := strings.Fields(ids); len(f) != 1 || f[0] != inner {
				t.Fatalf("process %s has the numbers %q", inner, f)
			}
		}
	}
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		b, _ := os.ReadFile(path)
		for line := range strings.Lines(string(b)) {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
				if f := strings.Fields(ids); len(f) == 2 && f[1] == inner && sameNamespace(f[0], h.init) {
					pid, _ := strconv.Atoi(f[0])
					return pid
				}
			}
		}
	}
	t.Fatalf("no process has number %s there", inner)
	return 0
}

func sameNamespace(pid string, other int) bool {
	a, err1 := os.Readlink("/proc/" + pid + "/ns/pid")
	b, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", other))
	return err1 == nil && err2 == nil && a == b
}

// The unit with a real systemd: a keeper that is killed, restarted or stuck, a reload, and the two ways to an end.
func TestUnderSystemd(t *testing.T) {
	h := boot(t, "version = 1\nsize = \"64M\"\n")
	h.systemctl(t, "start")
	if !h.mountedThere(t) {
		t.Fatal("the mount is seen in the unit only")
	}
	if got := h.property(t, "NFileDescriptorStore"); got != strconv.Itoa(len(storedNames)) {
		t.Errorf("%s descriptors are stored, want %d", got, len(storedNames))
	}
	h.waitFor(t, "the status", func() bool { return strings.HasPrefix(h.property(t, "StatusText"), "ok: 0 regions") })

	c := (&manager{mount: h.mount}).work(t)
	keepers := 0
	again := func(what string) {
		t.Helper()
		keepers++
		for end := time.Now().Add(patience); h.number(t, "keeper_restarts_total") < keepers; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no other keeper after %s", what)
			}
		}
		h.await(t, "ActiveState", "active")
		t.Logf("after %s nobody served for %s s", what, h.stat(t, "last_gap_seconds"))
	}
	syscall.Kill(h.keeper(t), syscall.SIGKILL)
	again("kill -9")
	h.systemctl(t, "restart")
	again("systemctl restart")
	syscall.Kill(h.keeper(t), syscall.SIGTERM)
	again("kill")
	syscall.Kill(h.keeper(t), syscall.SIGSTOP)
	again("the watchdog")

	config := filepath.Join(h.units, strings.TrimSuffix(strings.TrimPrefix(h.unit, "shmfs@"), ".service")+".toml")
	if err := os.WriteFile(config, []byte("version = 1\nsize = \"96M\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.systemctl(t, "reload")
	h.waitFor(t, "the new size", func() bool { return h.number(t, "arena_size_bytes") == 96<<20 })
	h.await(t, "ActiveState", "active")
	if wrong := c.end(); len(wrong) > 0 {
		t.Errorf("after %d rounds: %v", c.rounds.Load(), wrong)
	}
	t.Logf("%d rounds, the longest took %v", c.rounds.Load(), time.Duration(c.longest.Load()))

	h.systemctl(t, "stop") // although it is in use
	if h.mountedThere(t) {
		t.Error("still mounted after systemctl stop")
	}
	h.await(t, "NFileDescriptorStore", "0")
	c.mem[0]++ // memory that is mapped lives on
	unix.Munmap(c.mem)
	c.file.Close()

	h.systemctl(t, "start")
	if got := h.number(t, "restarts_total") + h.number(t, "regions"); got != 0 {
		t.Errorf("another mount begins with %d restarts and regions, want 0", got)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if r := h.command(t, path, "umount", h.inside); r.code != exitOK {
		t.Errorf("shmfs umount: %+v", r)
	}
	h.await(t, "ActiveState", "inactive")
	if got := h.property(t, "Result"); got != "success" || h.mountedThere(t) {
		t.Errorf("after shmfs umount: result %s, mounted %v", got, h.mountedThere(t))
	}
}

// A keeper that dies again and again is given up: the mount answers that it has no server, and the next start finds its
// regions.
func TestGivenUpBySystemd(t *testing.T) {
	h := boot(t, "version = 1\nsize = \"64M\"\n")
	h.systemctl(t, "start")
	if err := os.WriteFile(filepath.Join(h.dir, "r"), []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		h.command(t, "systemctl", "kill", "--signal=KILL", "--kill-whom=main", h.unit)
		return h.property(t, "ActiveState") == "failed"
	}, "end of the unit", func() any { return h.command(t, "systemctl", "status", "--no-pager", "--full", h.unit) })
	answer := func() error {
		_, err := os.ReadDir(h.dir)
		return err
	}
	// What systemd stores is closed a moment after the unit has failed.
	eventually(t, func() bool { return errors.Is(answer(), unix.ENOTCONN) }, "ENOTCONN", func() any {
		b, _ := os.ReadFile(filepath.Join(h.dir, ".ctl/stats"))
		return fmt.Sprint(answer(), h.mountedThere(t), string(b)[:min(len(b), 600)])
	})
	h.await(t, "NFileDescriptorStore", "0")
	h.systemctl(t, "reset-failed")
	h.systemctl(t, "start")
	if b, err := os.ReadFile(filepath.Join(h.dir, "r")); err != nil || string(b) != "bytes" {
		t.Errorf("the region reads %q (%v)", b, err)
	}
}

// asClient in the environment: this process is the test of the hardened mount.
const asClient = "SHMFS_TEST_UNDER_SYSTEMD"

// What the unit forbids is nothing that a mount needs. The clients are where systemd is, so that the server can tell who
// they are.
func TestUnitsHardeningIsNotInTheWay(t *testing.T) {
	h := boot(t, "version = 1\nsize = \"4G\"\nhuge = \"never\"\n")
	h.systemctl(t, "start")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := h.command(t, "env", asClient+"="+h.inside, self, "-test.run=^TestAsClientOfTheUnit$", "-test.v", "-test.count=1")
	relay(t, r.stdout)
	if r.code != 0 {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
}

func TestAsClientOfTheUnit(t *testing.T) {
	dir := os.Getenv(asClient)
	if dir == "" {
		t.Skip("run by TestUnitsHardeningIsNotInTheWay")
	}
	m := &mount{dir: dir}
	lacks := fstest.PassthroughLacks()
	if m.stat(t, "mode") != "passthrough" {
		lacks = fstest.CachedLacks()
	}
	fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: lacks.And(fstest.LimitedLacks())})
	leaveNothing(t, m)
}
