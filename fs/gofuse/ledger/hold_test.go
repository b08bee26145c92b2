//go:build linux

package ledger

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asServer in the environment: this process claims the ledger at descriptor 3, stops, and lives on.
const asServer = "SHMFS_LEDGER_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		l, err := Open(3)
		if err != nil || l.Claim() != nil {
			os.Exit(9)
		}
		os.Stdout.WriteString("claimed")
		select {}
	}
	os.Exit(m.Run())
}

// A server that is stopped does not see that its keeper is gone: the next keeper ends it.
func TestAServerThatIsLeftIsEnded(t *testing.T) {
	l, fd := newLedger(t)
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(dup), "ledger")
	defer file.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1")
	cmd.ExtraFiles = []*os.File{file}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if err := l.Claim(); err == nil {
		t.Fatal("two servers have one ledger")
	}
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(fd); err != nil {
		t.Fatal(err)
	}
	if err := l.Claim(); err != nil {
		t.Errorf("after the other was ended: %v", err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 9 {
		t.Errorf("the other server ended with %v, want killed", err)
	}
}

func TestHold(t *testing.T) {
	l, fd := newLedger(t)
	at := time.Now()
	l.Orphaned(at)
	l.head.keeper.Store(1)
	got, err := Hold(fd)
	if err != nil || !got.Equal(at) || l.Keeper() != os.Getpid() {
		t.Errorf("orphaned at %v (%v), keeper %d; want %v and %d", got, err, l.Keeper(), at, os.Getpid())
	}
	if got, err := Hold(fd); err != nil || !got.IsZero() {
		t.Errorf("the second time: %v (%v), want zero", got, err)
	}
	other, err := unix.MemfdCreate("no ledger", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	if _, err := Hold(other); err == nil {
		t.Error("what is no ledger is held")
	}
}
