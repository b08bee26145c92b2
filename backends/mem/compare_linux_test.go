package mem_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/backendtest"
	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/backends/tmpfs"
)

// Limits that programs run into.
const (
	compareBytes = 1 << 20
	compareNodes = 40
)

// compare runs a program on a tmpfs, which is right by definition, and on mem.
func compare(t *testing.T, program []byte) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the tmpfs to compare with needs root")
	}
	old := unix.Umask(0)
	defer unix.Umask(old)
	reference, err := tmpfs.Mount(tmpfs.Options{Bytes: compareBytes, Nodes: compareNodes, Huge: "never", Mode: 0o755})
	if err != nil {
		t.Fatal(err)
	}
	defer reference.Close()
	arena := mem.New(mem.Options{Bytes: compareBytes, Nodes: compareNodes, Mode: 0o755})
	backendtest.Compare(t, reference, arena, program)
}

func TestLikeTmpfs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		program := make([]byte, 1000)
		for i := range program {
			program[i] = byte(rng.Uint32())
		}
		compare(t, program)
	}
}

func FuzzLikeTmpfs(f *testing.F) {
	f.Add([]byte("make, rename, remove"))
	f.Fuzz(func(t *testing.T, program []byte) { compare(t, program[:min(len(program), 4000)]) })
}
