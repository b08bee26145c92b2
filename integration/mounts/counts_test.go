//go:build linux

package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Extended attributes count in their directory and for who owns the region, also for the next server.
func TestExtendedAttributesCount(t *testing.T) {
	needSuccessor(t)
	m := serve(t, "--size=64M", "--huge=never")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d bytes=8K")
	f := filepath.Join(d, "f")
	wantErrno(t, "a page", growTo(f, page), 0)
	set := func(path, name string, size int) error {
		return unix.Setxattr(path, name, []byte(strings.Repeat("x", size)), 0)
	}
	const name = "user.a" // six bytes
	if err := set(f, name, 1994); err != nil {
		t.Skipf("no extended attributes here: %v", err)
	}
	wantErrno(t, "of the directory", set(d, name, 994), 0)
	wantErrno(t, "a setting of ours", set(d, "user.shmfs.other", 500), 0)
	for i := range 2 {
		if got := m.usage(t, "directory", "d", "promised"); got != page+3000 {
			t.Errorf("server %d: the directory holds %d, want %d", i, got, page+3000)
		}
		if got := m.usage(t, "user", "0", "promised"); got != page+2000 {
			t.Errorf("server %d: the user holds %d, want %d", i, got, page+2000)
		}
		wantErrno(t, "more than there is room for", set(f, name, 1994+1097), syscall.EDQUOT)
		wantErrno(t, "another one", set(f, "user.b", 1091), syscall.EDQUOT)
		wantErrno(t, "another page", unix.Truncate(f, 2*page), syscall.EDQUOT)
		killServer(t, m)
	}
	wantErrno(t, "as much as there is", set(f, name, 1994+1096), 0)
	wantErrno(t, "less", set(f, name, 4), 0)
	wantErrno(t, "none", unix.Removexattr(d, name), 0)
	if got := m.number(t, "promised_bytes"); got != page+10 {
		t.Errorf("promised_bytes %d, want %d", got, page+10)
	}
	wantErrno(t, "unlink", unix.Unlink(f), 0)
	m.waitFor(t, "all of it to be given back", func() bool { return m.number(t, "promised_bytes") == 0 })
}

// With huge pages everywhere a byte is promised a huge page.
func TestHugePagesCount(t *testing.T) {
	huge := hugePageSize(t)
	m := serve(t, "--size=64M", "--huge=always")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", fmt.Sprintf("directory d bytes=%d", 2*huge))
	wantErrno(t, "a byte", growTo(filepath.Join(d, "a"), 1), 0)
	wantErrno(t, "a huge page and a byte", growTo(filepath.Join(d, "b"), huge+1), syscall.EDQUOT)
	wantErrno(t, "a huge page", growTo(filepath.Join(d, "b"), huge), 0)
	wantErrno(t, "a byte more", growTo(filepath.Join(d, "c"), 1), syscall.EDQUOT)
	if got := m.number(t, "promised_bytes"); int64(got) != 2*huge {
		t.Errorf("promised_bytes %d, want %d", got, 2*huge)
	}
}

// Directories and other nodes count against a limit of nodes, regions with them.
func TestNodesCount(t *testing.T) {
	m := serve(t, "--size=64M")
	d := m.mkdir(t, "d")
	m.tell(t, "limits", "directory d nodes=4")
	at := func(name string) string { return filepath.Join(d, name) }
	wantErrno(t, "a directory", unix.Mkdir(at("sub"), 0o755), 0)
	wantErrno(t, "a symlink", unix.Symlink("x", at("sub/link")), 0)
	wantErrno(t, "a FIFO", unix.Mkfifo(at("fifo"), 0o600), 0)
	wantErrno(t, "a region", growTo(at("sub/f"), 0), 0)
	for what, err := range map[string]error{
		"a directory more": unix.Mkdir(at("sub/more"), 0o755), "a region more": growTo(at("more"), 0),
		"a symlink more": unix.Symlink("x", at("more")), "a FIFO more": unix.Mkfifo(at("sub/more"), 0o600),
	} {
		wantErrno(t, what, err, syscall.EDQUOT)
	}
	wantErrno(t, "rmdir of one that is not empty", unix.Rmdir(at("sub")), syscall.ENOTEMPTY)
	wantErrno(t, "unlink", unix.Unlink(at("sub/link")), 0)
	wantErrno(t, "in its place", unix.Mkdir(at("more"), 0o755), 0)
	if got := m.usage(t, "directory", "d", "nodes"); got != 4 {
		t.Errorf("the directory has %d nodes, want 4", got)
	}
}

// hugePageSize answers how large a huge page is, and skips where there are none.
func hugePageSize(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if err != nil {
		t.Skip("no huge pages here")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
