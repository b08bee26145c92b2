//go:build linux

package processes

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestFacts(t *testing.T) {
	cmd := exec.Command("sleep", "600", "0")
	cmd.Env = append(os.Environ(), "SHMFS_TEST=a=b", "SHMFS=c")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	p := Facts(cmd.Process.Pid)
	for end := time.Now().Add(time.Minute); (p.Arguments()[0] == "" || p.Variable("SHMFS") == "") && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // exec(2) is not over yet
	}
	if got, want := p.Arguments(), []string{"sleep", "600", "0"}; !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
	for name, want := range map[string]string{"SHMFS_TEST": "a=b", "SHMFS": "c", "SHMFS_T": "", "": ""} {
		if got := p.Variable(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, want := p.Cgroup(), Facts(os.Getpid()).Cgroup(); got != want {
		t.Errorf("control group %q, want that of its parent, %q", got, want)
	}
	if path, err := exec.LookPath("sleep"); err != nil {
		t.Error(err)
	} else if want, err := filepath.EvalSymlinks(path); err != nil || p.Executable() != want {
		t.Errorf("executable %q, want %q (%v)", p.Executable(), want, err)
	}
	none := Facts(0)
	program := filepath.Join(t.TempDir(), "program")
	if b, err := os.ReadFile(p.Executable()); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(program, b, 0o700); err != nil {
		t.Fatal(err)
	}
	replaced := exec.Command(program, "600")
	if err := replaced.Start(); err != nil {
		t.Fatal(err)
	}
	defer replaced.Wait()
	defer replaced.Process.Kill()
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if got := Facts(replaced.Process.Pid).Executable(); got != program {
		t.Errorf("executable that was replaced: %q, want %q", got, program)
	}
	if got := none.Variable("PATH") + none.Cgroup() + none.Executable(); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}

func TestAlive(t *testing.T) {
	now := Boot()
	if !Alive(uint32(os.Getpid()), now) || Alive(uint32(os.Getpid()), 0) || Alive(1<<30, now) {
		t.Error("who lives, or lived then, is not told from who does not")
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	for Alive(uint32(cmd.Process.Pid), Boot()) { // until it is a zombie
	}
}
