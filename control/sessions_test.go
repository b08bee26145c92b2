package control

import (
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

func TestSessions(t *testing.T) {
	if got := newStage(t).read(t, "sessions"); got != "" {
		t.Errorf("no session: %q", got)
	}
	x := regions.OpenSession{LastUsed: day, InUse: 2}
	x.Path, x.Node, x.State, x.Lifetime = "sessions/a b", regions.MakeNodeID(7, 2), regions.CareCounting, regions.Lifetime{TTL: time.Hour}
	x.Deadline, x.Owner = day.Add(time.Hour), regions.WhoOwns{ID: 11}
	x.Use = accounts.State{Used: accounts.Amount{Regions: 3, Bytes: 4096, Resident: 8192}}
	var p pairs
	writeSession(&p, &x)
	want := `path="sessions/a b" node=00000007.2 state=counting ttl=1h0m0s deadline=2026-03-04T06:06:07.000000089Z ` +
		`last_used=2026-03-04T05:06:07.000000089Z owner_pid=11 owner_kind=process owner=11 owner_gone=false regions=3 in_use=2 promised=4096 resident=8192 ` +
		`limit=max reason=""` + "\n"
	if string(p.b) != want {
		t.Errorf("got\n%swant\n%s", p.b, want)
	}
	all, err := ReadSessions(strings.NewReader(want))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d read (%v)", len(all), err)
	}
	got := Session{Path: "sessions/a b", Node: "00000007.2", State: "counting", TTL: "1h0m0s", Deadline: day.Add(time.Hour), LastUsed: day,
		OwnerPID: 11, OwnerKind: "process", Owner: "11", Regions: 3, InUse: 2, Promised: 4096, Resident: 8192, Limit: regions.Unlimited}
	if all[0] != got {
		t.Errorf("got\n%+v, want\n%+v", all[0], got)
	}
	for _, bad := range []string{"x", "path=a deadline=soon", "path=a deadline=- last_used=- owner_pid=x"} {
		if _, err := ReadSessions(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
