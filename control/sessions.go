package control

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// sessionsName is the file that shows the sessions.
const sessionsName = "sessions"

func (d *directory) sessions(ctx context.Context, _ url.Values) ([]byte, error) {
	d.sources.Tree().Arena().Refresh()
	all, err := d.sources.Caretaker.Sessions(ctx)
	var p pairs
	for _, x := range all {
		writeSession(&p, &x)
	}
	return p.b, err
}

func writeSession(p *pairs, x *regions.OpenSession) {
	p.add("path", x.Path)
	p.add("node", x.Node.String())
	p.add("state", string(x.State))
	ttl := "max"
	if x.Lifetime.TTL > 0 {
		ttl = x.Lifetime.TTL.String()
	}
	p.add("ttl", ttl)
	p.add("deadline", timeOrDash(x.Deadline))
	p.add("last_used", timeOrDash(x.LastUsed))
	writeOwner(p, &x.Care)
	p.add("regions", strconv.FormatInt(x.Use.Used.Regions, 10))
	p.add("in_use", strconv.Itoa(x.InUse))
	p.add("promised", strconv.FormatInt(x.Use.Used.Bytes, 10))
	p.add("resident", strconv.FormatInt(x.Use.Used.Resident, 10))
	p.add("limit", maxOr(x.Use.Settings.Bytes))
	p.add("reason", x.Reason)
	p.end()
}

func timeOrDash(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Session is a line of `sessions`. No limit is regions.Unlimited.
type Session struct {
	Path      string    `json:"path"`
	Node      string    `json:"node"`
	State     string    `json:"state"`
	TTL       string    `json:"ttl"` // a duration, or max
	Deadline  time.Time `json:"deadline,omitzero"`
	LastUsed  time.Time `json:"last_used,omitzero"`
	OwnerPID  int64     `json:"owner_pid"` // as in gc
	OwnerKind string    `json:"owner_kind"`
	Owner     string    `json:"owner"`
	OwnerGone bool      `json:"owner_gone"`
	Regions   int64     `json:"regions"`
	InUse     int64     `json:"in_use"` // of them
	Promised  int64     `json:"promised"`
	Resident  int64     `json:"resident"`
	Limit     int64     `json:"limit"` // of promised
	Reason    string    `json:"reason"`
}

// ReadSessions reads `sessions`.
func ReadSessions(r io.Reader) ([]Session, error) { return readPairs(r, parseSession) }

func parseSession(p map[string]string) (_ Session, err error) {
	x := Session{Path: p["path"], Node: p["node"], State: p["state"], TTL: p["ttl"], OwnerGone: p["owner_gone"] == "true",
		OwnerKind: p["owner_kind"], Owner: p["owner"], Reason: p["reason"]}
	for key, to := range map[string]*time.Time{"deadline": &x.Deadline, "last_used": &x.LastUsed} {
		if p[key] == "-" {
			continue
		}
		if *to, err = time.Parse(time.RFC3339Nano, p[key]); err != nil {
			return Session{}, err
		}
	}
	err = numbers(p, map[string]*int64{
		"owner_pid": &x.OwnerPID, "regions": &x.Regions, "in_use": &x.InUse, "promised": &x.Promised,
		"resident": &x.Resident, "limit": &x.Limit,
	})
	return x, err
}
