package probe

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTrialsLeaveNothing runs each trial on this machine, whatever it answers.
func TestTrialsLeaveNothing(t *testing.T) {
	descriptors, mounts := count(t, "/proc/self/fd"), read(t, "/proc/self/mountinfo")
	all := Here()
	for name, try := range map[string]func() error{
		"OpenFUSE": all.OpenFUSE, "Passthrough": all.Passthrough, "UserXattr": all.UserXattr,
		"Pressure":   all.Pressure,
		"Tmpfs":      func() error { return all.Tmpfs("") },
		"Tmpfs huge": func() error { return all.Tmpfs("huge=within_size") },
	} {
		t.Logf("%s: %v", name, try())
	}
	if got := count(t, "/proc/self/fd"); got != descriptors {
		t.Errorf("%d descriptors, before there were %d", got, descriptors)
	}
	if strings.Contains(read(t, "/proc/self/mountinfo"), "shmfs-probe") || mounts == "" {
		t.Error("a trial left a mount")
	}
}

func TestTmpfsNamesWhatItRefuses(t *testing.T) {
	err := Here().Tmpfs("no_such_option=1")
	if err == nil {
		t.Fatal("tmpfs took an option that there is not")
	}
	if !errors.Is(err, unix.EPERM) && !strings.Contains(err.Error(), "no_such_option=1") {
		t.Errorf("got %v", err)
	}
}

func TestInitReply(t *testing.T) {
	request := make([]byte, 104)
	at := binary.NativeEndian
	at.PutUint32(request[4:], opInit)
	at.PutUint64(request[8:], 77)
	at.PutUint32(request[40:], 7)
	at.PutUint32(request[44:], 45)
	if _, err := initReply(request); !errors.Is(err, errNoPassthrough) {
		t.Errorf("a kernel that does not offer it: %v", err)
	}
	at.PutUint32(request[52:], flagInitExt)
	at.PutUint32(request[56:], flagPassthrough)
	reply, err := initReply(request)
	if err != nil || len(reply) != initReplySize {
		t.Fatalf("%d bytes, %v", len(reply), err)
	}
	if at.Uint32(reply) != initReplySize || at.Uint64(reply[8:]) != 77 || at.Uint32(reply[20:]) != 45 ||
		at.Uint32(reply[16+32:]) != flagPassthrough || at.Uint32(reply[16+36:]) != 1 {
		t.Errorf("got % x", reply)
	}
	if _, err := initReply(request[:50]); err == nil {
		t.Error("half a request is answered")
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
