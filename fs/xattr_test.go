package fs

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// A user who may set limits hears what is wrong with what he wrote, and not that he may not.
func TestWhatUsersHearOfLimits(t *testing.T) {
	tree := NewTree(regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20})), Options{Owner: 4000})
	user := Caller{UID: 1, PID: 7}
	made := func(c Caller, dir regions.NodeID, name string) regions.NodeID {
		t.Helper()
		a, err := tree.Make(c, dir, name, NewNode{Mode: regions.TypeDir | 0o755})
		if err != nil {
			t.Fatal(err)
		}
		return a.Node
	}
	top := made(user, regions.RootNode, "top")
	own, others := made(user, top, "own"), made(Caller{UID: 2}, regions.RootNode, "others")
	for _, x := range []struct {
		what        string
		dir         regions.NodeID
		name, value string
		code        regions.Code
		reason      string
	}{
		{"no limit", own, regions.LimitXattr, "much", regions.Invalid, `bytes "much": want a number greater than zero such as 2G, or max`},
		{"a reservation", own, regions.LimitXattr, "reserve=1M", regions.NotPermitted, "user 1 may not reserve anything"},
		{"where nothing is his", others, regions.LimitXattr, "much", regions.NotPermitted, "user 1 may not set user.shmfs.limit here"},
		{"what only root says", own, regions.WritesXattr, "fast", regions.NotPermitted, "user 1 may not set user.shmfs.writes here"},
	} {
		err := tree.Setxattr(user, x.dir, x.name, []byte(x.value), 0)
		var r *regions.Refusal
		if !errors.As(err, &r) || r.Code != x.code || r.Reason != x.reason || r.Remedy == "" {
			t.Errorf("%s: %v (%+v), want %v, %s", x.what, err, r, x.code, x.reason)
		}
	}
	if err := tree.Setxattr(user, own, regions.LimitXattr, []byte("2M"), 0); err != nil {
		t.Error(err)
	}
}
