package fstest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var fileChecks = []systemCheck{
	{name: "WorkingDirectoryRemoved", run: fileRemovedCwd},
	{name: "ByDescriptor", run: fileByDescriptor},
	{name: "Reopened", run: fileReopened},
	{name: "PathDescriptor", run: filePathDescriptor},
	{name: "Vectors", run: fileVectors},
	{name: "Sendfile", run: fileSendfile},
	{name: "SmallXattrBuffer", run: fileSmallXattrBuffer, need: []Feature{UserXattrs}},
	{name: "OtherFileSystem", run: fileOtherFileSystem},
	{name: "Inotify", run: fileInotify},
	{name: "PathTooLong", run: filePathTooLong},
	{name: "AccessTime", run: fileAccessTime},
}

// fileRemovedCwd removes the directory that a thread works in.
func fileRemovedCwd(t *testing.T, p place) {
	ok(t, p.Mkdir("d", 0o755))
	ownDirectory(t, "in it", func(t *testing.T) {
		ok(t, codeOf(unix.Chdir(p.path("d"))))
		ok(t, p.Rmdir("d"))
		fails(t, codeOf(unix.Mkdir("x", 0o755)), regions.NotFound)
		_, err := unix.Open("x", unix.O_CREAT|unix.O_RDWR, 0o644)
		fails(t, codeOf(err), regions.NotFound)
		_, err = unix.Getcwd(make([]byte, 4096))
		fails(t, codeOf(err), regions.NotFound)
		var st unix.Stat_t
		ok(t, codeOf(unix.Stat(".", &st)))
		equal(t, "nlink", uint64(st.Nlink), 0)
	})
}

// fileByDescriptor does all that can be done to a file without a name.
func fileByDescriptor(t *testing.T, p place) {
	fd := p.openFd(t, "f", unix.O_RDWR|unix.O_CREAT)
	ok(t, p.Unlink("f"))
	ok(t, codeOf(unix.Fchmod(fd, 0o600)))
	ok(t, codeOf(unix.Fchown(fd, unix.Getuid(), unix.Getgid())))
	ok(t, codeOf(unix.Ftruncate(fd, 123)))
	ts := []unix.Timespec{{Sec: 5, Nsec: 6}, {Sec: 7, Nsec: 8}}
	ok(t, codeOf(unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), ts, 0)))
	a, err := statx(fd, "", unix.AT_EMPTY_PATH)
	ok(t, err)
	equal(t, "mode", a.Mode, regions.TypeRegular|0o600)
	equal(t, "size", a.Size, 123)
	equal(t, "mtime", a.Mtime, At(7, 8).Timestamp)
	if _, lacking := p.config.Lacks[UserXattrs]; lacking {
		return
	}
	ok(t, codeOf(unix.Fsetxattr(fd, "user.a", []byte("value"), 0)))
	buf := make([]byte, 10)
	n, err := unix.Fgetxattr(fd, "user.a", buf)
	ok(t, codeOf(err))
	equal(t, "xattr", string(buf[:n]), "value")
}

// fileReopened opens an unlinked file once more, by /proc.
func fileReopened(t *testing.T, p place) {
	put(t, p, "f", "still here")
	fd := p.openFd(t, "f", unix.O_RDONLY)
	ok(t, p.Unlink("f"))
	again := p.openFd(t, fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR)
	_, err := unix.Pwrite(again, []byte("yet"), 0)
	ok(t, codeOf(err))
	buf := make([]byte, 20)
	n, err := unix.Pread(fd, buf, 0)
	ok(t, codeOf(err))
	equal(t, "content", string(buf[:n]), "yetll here")
}

func filePathDescriptor(t *testing.T, p place) {
	put(t, p, "f", "x")
	ok(t, p.Symlink("f", "l"))
	fd := p.openFd(t, "f", unix.O_PATH)
	_, err := unix.Read(fd, make([]byte, 1))
	fails(t, codeOf(err), regions.BadHandle)
	ok(t, p.Unlink("f"))
	a, err := statx(fd, "", unix.AT_EMPTY_PATH)
	ok(t, err)
	equal(t, "nlink", a.Nlink, 0)
	link := p.openFd(t, "l", unix.O_PATH|unix.O_NOFOLLOW)
	buf := make([]byte, 10)
	n, err := unix.Readlinkat(link, "", buf)
	ok(t, codeOf(err))
	equal(t, "target", string(buf[:n]), "f")
}

func fileVectors(t *testing.T, p place) {
	fd := p.openFd(t, "f", unix.O_RDWR|unix.O_CREAT)
	n, err := unix.Pwritev(fd, [][]byte{[]byte("one "), []byte("two "), []byte("three")}, 3)
	ok(t, codeOf(err))
	equal(t, "written", n, 13)
	a, b := make([]byte, 5), make([]byte, 20)
	n, err = unix.Preadv(fd, [][]byte{a, b}, 0)
	ok(t, codeOf(err))
	equal(t, "read", string(a)+string(b[:n-5]), "\x00\x00\x00one two three")
}

func fileSendfile(t *testing.T, p place) {
	put(t, p, "f", strings.Repeat("0123456789", 2000))
	from := p.openFd(t, "f", unix.O_RDONLY)
	to := p.openFd(t, "g", unix.O_RDWR|unix.O_CREAT)
	for done, off := 0, int64(5); done < 15000; {
		n, err := unix.Sendfile(to, from, &off, 15000-done)
		ok(t, codeOf(err))
		if n == 0 {
			t.Fatalf("sendfile ended after %d bytes", done)
		}
		done += n
	}
	equal(t, "content", content(t, p, "g") == content(t, p, "f")[5:15005], true)
}

func fileSmallXattrBuffer(t *testing.T, p place) {
	put(t, p, "f", "")
	ok(t, p.Setxattr("f", "user.a", []byte("0123456789"), 0))
	_, err := unix.Lgetxattr(p.path("f"), "user.a", make([]byte, 5))
	fails(t, codeOf(err), regions.Range)
	_, err = unix.Llistxattr(p.path("f"), make([]byte, 3))
	fails(t, codeOf(err), regions.Range)
	buf := make([]byte, 10)
	n, err := unix.Lgetxattr(p.path("f"), "user.a", buf)
	ok(t, codeOf(err))
	equal(t, "value", string(buf[:n]), "0123456789")
}

func fileOtherFileSystem(t *testing.T, p place) {
	other := t.TempDir()
	var here, there unix.Stat_t
	ok(t, codeOf(unix.Stat(p.dir, &here)))
	ok(t, codeOf(unix.Stat(other, &there)))
	if here.Dev == there.Dev {
		skip(t, "another file system", "the temporary directory is on the tree under test")
	}
	put(t, p, "f", "x")
	fails(t, codeOf(unix.Rename(p.path("f"), other+"/f")), regions.CrossDevice)
	fails(t, codeOf(unix.Link(p.path("f"), other+"/f")), regions.CrossDevice)
}

func fileInotify(t *testing.T, p place) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	ok(t, codeOf(err))
	defer unix.Close(fd)
	_, err = unix.InotifyAddWatch(fd, p.dir, unix.IN_CREATE|unix.IN_DELETE|unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO)
	ok(t, codeOf(err))
	put(t, p, "first", "x")
	ok(t, p.Rename("first", "second", 0))
	ok(t, p.Unlink("second"))
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	ok(t, codeOf(err))
	equal(t, "events of the first name", bytes.Count(buf[:n], []byte("first\x00")), 2)
	equal(t, "events of the second name", bytes.Count(buf[:n], []byte("second\x00")), 2)
}

func filePathTooLong(t *testing.T, p place) {
	fails(t, p.Mkdir(strings.Repeat("./", 2048)+"d", 0o755), regions.NameTooLong)
	ok(t, p.Mkdir(strings.Repeat("./", 2047)+"d", 0o755))
	fails(t, p.Symlink(strings.Repeat("x", 4096), "l"), regions.NameTooLong)
	fails(t, p.Symlink("", "l"), regions.NotFound)
}

// fileAccessTime: a read moves the access time if it is before the modification (mount(8), relatime), also where the
// server does not see the read.
func fileAccessTime(t *testing.T, p place) {
	put(t, p, "f", "x")
	ok(t, p.Utimes("f", At(1000, 0), At(2000, 0)))
	before := time.Now().Add(-time.Second)
	equal(t, "content", content(t, p, "f"), "x")
	a, err := p.Stat("f", false)
	ok(t, err)
	recent(t, "atime", a.Atime, before)
}
