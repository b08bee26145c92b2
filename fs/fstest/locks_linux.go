package fstest

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

var lockChecks = []systemCheck{
	{name: "Flock", run: lockFlock},
	{name: "FlockWaits", run: lockFlockWaits},
	{name: "FlockOfKilled", run: lockFlockOfKilled},
	{name: "FlockShared", run: lockFlockShared},
	{name: "Ranges", run: lockRanges},
	{name: "RangesShared", run: lockRangesShared},
	{name: "RangeWaits", run: lockRangeWaits},
	{name: "RangeOfKilled", run: lockRangeOfKilled},
	{name: "RangeEndsWithAnyClose", run: lockRangeAnyClose},
	{name: "Deadlock", run: lockDeadlock},
	{name: "OpenFileDescription", run: lockOFD},
	{name: "OpenFileDescriptionOfKilled", run: lockOFDOfKilled},
	{name: "BetweenKinds", run: lockKinds},
	{name: "ByOtherName", run: lockByOtherName},
	{name: "AfterUnlink", run: lockAfterUnlink},
}

// two starts two processes that have a new region open.
func (p place) two(t *testing.T) (a, b *process) {
	t.Helper()
	put(t, p, "f", "lock me")
	return startProcess(t, p.path("f")), startProcess(t, p.path("f"))
}

func lockFlock(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("flock", "ex", "nb")
	b.refused(regions.Again, "flock", "ex", "nb")
	b.refused(regions.Again, "flock", "sh", "nb")
	a.must("flock", "un")
	b.must("flock", "ex", "nb")
	b.must("close")
	a.must("flock", "ex", "nb")
}

func lockFlockWaits(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("flock", "ex")
	b.waiting("flock", "ex")
	a.must("flock", "un")
	b.granted()
}

func lockFlockOfKilled(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("flock", "ex")
	b.waiting("flock", "ex")
	a.end()
	b.granted()
}

func lockFlockShared(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("flock", "sh", "nb")
	b.must("flock", "sh", "nb")
	a.refused(regions.Again, "flock", "ex", "nb")
	b.must("flock", "un")
	a.must("flock", "ex", "nb")
}

func lockRanges(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "w", 10, 10)
	b.refused(regions.Again, "lock", "posix", "w", 19, 1)
	b.refused(regions.Again, "lock", "posix", "r", 0, 0)
	b.must("lock", "posix", "w", 20, 0)
	b.must("lock", "posix", "w", 0, 10)
	equal(t, "holder", b.must("ask", "posix", "w", 15, 1), strconv.Itoa(a.cmd.Process.Pid))
	equal(t, "holder of what is free", a.must("ask", "posix", "w", 15, 1), "0")
	a.must("lock", "posix", "u", 12, 2)
	b.must("lock", "posix", "w", 12, 2)
	b.refused(regions.Again, "lock", "posix", "w", 14, 1)
}

func lockRangesShared(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "r", 0, 100)
	b.must("lock", "posix", "r", 50, 100)
	b.refused(regions.Again, "lock", "posix", "w", 60, 1)
	b.must("lock", "posix", "w", 120, 1)
	a.must("lock", "posix", "u", 0, 0)
	b.must("lock", "posix", "w", 60, 1)
}

func lockRangeWaits(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "w", 0, 10)
	b.waiting("lock", "posix", "w", 5, 1, "wait")
	a.must("lock", "posix", "u", 5, 1)
	b.granted()
}

func lockRangeOfKilled(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "w", 0, 0)
	b.waiting("lock", "posix", "w", 5, 1, "wait")
	a.end()
	b.granted()
}

// lockRangeAnyClose: a process loses its locks on a file with any descriptor of it that it closes (fcntl_locking(2)).
func lockRangeAnyClose(t *testing.T, p place) {
	put(t, p, "f", "")
	other := startProcess(t, p.path("f"))
	held := p.openFd(t, "f", unix.O_RDWR)
	l := unix.Flock_t{Type: unix.F_WRLCK, Len: 10}
	ok(t, codeOf(unix.FcntlFlock(uintptr(held), unix.F_SETLK, &l)))
	other.refused(regions.Again, "lock", "posix", "w", 0, 1)
	second, err := unix.Openat(p.fd, "f", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	ok(t, codeOf(err))
	ok(t, codeOf(unix.Close(second)))
	other.must("lock", "posix", "w", 0, 1)
}

func lockDeadlock(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "w", 0, 1)
	b.must("lock", "posix", "w", 1, 1)
	a.waiting("lock", "posix", "w", 1, 1, "wait")
	b.refused(regions.Deadlock, "lock", "posix", "w", 0, 1, "wait")
	b.must("lock", "posix", "u", 1, 1)
	a.granted()
}

// lockOFD: within one process, two descriptions exclude each other, two descriptors of one do not.
func lockOFD(t *testing.T, p place) {
	put(t, p, "f", "")
	take := func(fd int, kind int16) error {
		return codeOf(unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Len: 10}))
	}
	a := p.openFd(t, "f", unix.O_RDWR)
	b := p.openFd(t, "f", unix.O_RDWR)
	ok(t, take(a, unix.F_WRLCK))
	fails(t, take(b, unix.F_RDLCK), regions.Again)
	twin, err := unix.FcntlInt(uintptr(a), unix.F_DUPFD_CLOEXEC, 0)
	ok(t, codeOf(err))
	ok(t, take(twin, unix.F_WRLCK))
	ok(t, codeOf(unix.Close(twin)))
	fails(t, take(b, unix.F_RDLCK), regions.Again)
	ok(t, take(a, unix.F_UNLCK))
	ok(t, take(b, unix.F_RDLCK))
}

func lockOFDOfKilled(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "ofd", "w", 0, 10)
	equal(t, "holder: no process owns it", b.must("ask", "ofd", "w", 0, 1), "-1")
	b.waiting("lock", "ofd", "w", 9, 1, "wait")
	a.end()
	b.granted()
}

// lockKinds: fcntl's and open file description locks exclude each other, flock's are apart from both.
func lockKinds(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("lock", "posix", "w", 0, 10)
	b.refused(regions.Again, "lock", "ofd", "w", 0, 1)
	b.must("flock", "ex", "nb")
	a.refused(regions.Again, "flock", "ex", "nb")
	a.must("lock", "posix", "w", 0, 20)
}

func lockByOtherName(t *testing.T, p place) {
	put(t, p, "f", "")
	ok(t, p.Link("f", "g"))
	a, b := startProcess(t, p.path("f")), startProcess(t, p.path("g"))
	a.must("flock", "ex", "nb")
	b.refused(regions.Again, "flock", "ex", "nb")
	a.must("lock", "posix", "w", 0, 1)
	b.refused(regions.Again, "lock", "posix", "w", 0, 1)
}

func lockAfterUnlink(t *testing.T, p place) {
	a, b := p.two(t)
	a.must("flock", "ex", "nb")
	ok(t, p.Unlink("f"))
	b.refused(regions.Again, "flock", "ex", "nb")
	a.must("flock", "un")
	b.must("flock", "ex", "nb")
	put(t, p, "f", "")
	c := startProcess(t, p.path("f"))
	c.must("flock", "ex", "nb")
}
