package fs

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// The number of an owner is what it is where who asks runs, and is kept as it is here.
func TestOwnersNumbers(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	m.SetAlive(func(regions.WhoOwns) bool { return true })
	tree := NewTree(m, Options{Owner: 4000,
		ProcessOf: func(tid uint32) uint32 { return tid },
		NumberOf: func(tid uint32, kind regions.OwnerKind, id uint32) uint32 {
			if tid == 0 || id > 100 {
				return 0
			}
			return 1000*(uint32(kind)+1) + id
		}})
	a, err := tree.Make(Caller{UID: 1, PID: 7}, regions.RootNode, "a", NewNode{Mode: regions.TypeRegular | 0o666})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		value, want string // "" is refused
		pid         uint32
	}{
		{"5", "process 1005", 7}, {"pgid:5", "process group 2005", 7}, {"sid:5", "session 3005", 7}, {"self", "process 7", 7},
		{"5@1.5", "process 5", 7}, {"cgroup:/a", "control group /a", 7}, {"101", "", 7}, {"pgid:101", "", 7}, {"5", "", 0}, {"self", "", 0},
		{"5@1.5", "process 5", 0},
	} {
		before := m.OwnerOf(a.Node)
		err := tree.Setxattr(Caller{UID: 1, PID: x.pid}, a.Node, regions.OwnerXattr, []byte(x.value), 0)
		got := m.OwnerOf(a.Node)
		var r *regions.Refusal
		switch {
		case x.want == "" && (!errors.As(err, &r) || r.Code != regions.Invalid || r.Remedy == "" || got != before):
			t.Errorf("%s of thread %d is %v (%v), want a refusal", x.value, x.pid, got, err)
		case x.want != "" && (err != nil || got.String() != x.want):
			t.Errorf("%s of thread %d is %v (%v), want %s", x.value, x.pid, got, err, x.want)
		}
	}
}
