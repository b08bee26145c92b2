package fstest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

//go:embed testdata/share.c
var shareSource []byte

var programChecks = []systemCheck{
	{name: "TwoProcesses", run: programTwoProcesses, need: []Feature{SharedMaps}},
	{name: "C", run: programC, need: []Feature{SharedMaps}},
	{name: "Python", run: programPython, need: []Feature{SharedMaps}},
	{name: "Shell", run: programShell},
}

// programTwoProcesses: a mapping is of one memory, whoever mapped it, and outlives its other users.
func programTwoProcesses(t *testing.T, p place) {
	put(t, p, "f", strings.Repeat("x", page))
	a, b := startProcess(t, p.path("f")), startProcess(t, p.path("f"))
	a.must("map", page)
	a.must("close")
	b.must("map", page)
	a.must("store", 10, "from-a")
	equal(t, "b loads", b.must("load", 10, 7), `"from-ax"`)
	ok(t, p.Unlink("f"))
	b.must("store", 20, "from-b")
	equal(t, "a loads", a.must("load", 20, 7), `"from-bx"`)
	a.end()
	equal(t, "b loads after a died", b.must("load", 10, 6), `"from-a"`)
}

// programC runs locks of POSIX threads, futexes and inherited mappings.
func programC(t *testing.T, p place) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		skip(t, "a C compiler", err.Error())
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "share.c"), filepath.Join(dir, "share")
	ok(t, os.WriteFile(source, shareSource, 0o644))
	if out, err := exec.Command(cc, "-O1", "-Wall", "-pthread", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, mode := range []string{"mutex", "robust", "condition", "futex", "inherit"} {
		t.Run(mode, func(t *testing.T) {
			out, err := exec.Command("timeout", "60", binary, mode, p.path(mode)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		})
	}
}

const pythonShare = `
import mmap, os, sys
with open(sys.argv[1], "r+b") as f:
    m = mmap.mmap(f.fileno(), 0)
assert m[:9] == b"from here", m[:9]
if os.fork() == 0:
    m[100:112] = b"from a child"
    os._exit(0)
assert os.wait()[1] == 0
assert m[100:112] == b"from a child"
m[200:211] = b"from python"
`

// programPython shares one mapping between two languages, and with a forked child.
func programPython(t *testing.T, p place) {
	python, err := exec.LookPath("python3")
	if err != nil {
		skip(t, "python3", err.Error())
	}
	m := mapFd(t, p.region(t, "f", 1), page, readWrite, unix.MAP_SHARED)
	copy(m, "from here")
	if out, err := exec.Command(python, "-c", pythonShare, p.path("f")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	equal(t, "by python's child", string(m[100:112]), "from a child")
	equal(t, "by python", string(m[200:211]), "from python")
}

const shellUse = `
set -e
cd "$1"
mkdir -p a/b/c
seq 1 20000 > a/numbers
cp a/numbers a/b/copy
cmp a/numbers a/b/copy
mv a/b/copy a/b/c/moved
ln a/numbers linked
ln -s a/b/c/moved soft
test "$(wc -l < soft)" = 20000
tar cf tree.tar a
mkdir out
tar xf tree.tar -C out
diff -r a out/a
dd if=a/numbers of=out/dd bs=1000 seek=3 conv=notrunc 2>/dev/null
truncate -s 100K out/dd
sed -i 's/^7$/seven/' a/numbers
grep -q seven a/numbers
test "$(find . -type f | wc -l)" = 7
rm -r a out tree.tar linked soft
test -z "$(ls)"
`

// programShell does what people do.
func programShell(t *testing.T, p place) {
	if out, err := exec.Command("sh", "-c", shellUse, "sh", p.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
