//go:build linux

package processes

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestNumberHere(t *testing.T) {
	self := uint32(os.Getpid())
	for _, x := range []struct{ tid, id, want uint32 }{{self, self, self}, {self, 4711, 4711}, {0, self, 0}, {1 << 30, 5, 5}} {
		if got := Number(x.tid, "NSpid", x.id); got != x.want {
			t.Errorf("what %d calls %d is %d, want %d", x.tid, x.id, got, x.want)
		}
	}
}

// Process 1 of a namespace two levels below is known by all of its numbers.
func TestNumberInNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a pid namespace")
	}
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		t.Skipf("the kernel does not tell of children: %v", err)
	}
	const inner = `exec unshare --pid --fork --kill-child --mount-proc sh -c 'echo; exec sleep 600'`
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", inner)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	outer := child(t, uint32(cmd.Process.Pid))
	inside := child(t, outer)
	all := namespaced(int(inside), "NSpid")
	if len(all) != 3 || all[0] != inside || all[2] != 1 {
		t.Fatalf("%d has the numbers %v", inside, all)
	}
	for _, x := range []struct {
		what           string
		tid, id, there uint32
	}{
		{"itself", inside, 1, inside}, {"its parent's number for it", outer, all[1], inside}, {"its parent", outer, 1, outer},
		{"what its parent does not have", outer, 4000000, 0}, {"its parent, which it does not see", inside, all[1], 0},
	} {
		if got := Number(x.tid, "NSpid", x.id); got != x.there {
			t.Errorf("%s: what %d calls %d is %d, want %d", x.what, x.tid, x.id, got, x.there)
		}
	}
}

// child answers the only child of a process.
func child(t *testing.T, pid uint32) uint32 {
	t.Helper()
	p := strconv.Itoa(int(pid))
	b, err := os.ReadFile("/proc/" + p + "/task/" + p + "/children")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		t.Fatalf("%d has the children %q", pid, b)
	}
	return uint32(n)
}
