package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// historyName is the file of regions that ended.
const historyName = "history"

// Past is a line of `history`: a region that ended.
type Past struct {
	Path       string    `json:"path"`
	PathBase64 []byte    `json:"path_base64,omitempty"` // the path's bytes, where they are not UTF-8
	ID         string    `json:"id"`
	Node       string    `json:"node"`
	Size       int64     `json:"size"`
	Created    time.Time `json:"created,omitzero"`
	CreatorPID uint32    `json:"creator_pid"`
	CreatorUID uint32    `json:"creator_uid"`
	Ended      time.Time `json:"ended"`
	PID        *uint32   `json:"pid,omitempty"` // who removed it
	UID        *uint32   `json:"uid,omitempty"`
	Reason     string    `json:"reason"`
	Events     []Told    `json:"events"`
}

// Told is what happened to a region beside being made, used and ended.
type Told struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"`
	Reason string    `json:"reason,omitempty"`
}

// history is `history`, the last end first: of all, or of those at or below a path.
func (d *directory) history(_ context.Context, query url.Values) ([]byte, error) {
	var b []byte
	for _, x := range d.sources.Tree().Arena().History() {
		if !below(x.Path, query.Get("prefix")) {
			continue
		}
		line, err := json.Marshal(pastOf(&x))
		if err != nil {
			return nil, err
		}
		b = append(append(b, line...), '\n')
	}
	return b, nil
}

func pastOf(x *regions.Past) Past {
	p := Past{Path: x.Path, Node: x.Node.String(), Size: x.Size, Created: x.Record.Created, CreatorPID: x.Record.PID,
		CreatorUID: x.Record.UID, Ended: x.Ended, Reason: x.Reason, Events: toldOf(x.Told)}
	if x.Record.ID != 0 {
		p.ID = x.Record.ID.String()
	}
	if x.Removed {
		p.PID, p.UID = &x.PID, &x.UID
	}
	if !utf8.ValidString(x.Path) {
		p.PathBase64 = []byte(x.Path)
	}
	return p
}

func toldOf(all []events.Event) []Told {
	told := make([]Told, 0, len(all))
	for _, e := range all {
		told = append(told, Told{e.Time, string(e.Kind), e.Reason})
	}
	return told
}

// ReadHistory reads `history`. Path has the very bytes of the path.
func ReadHistory(r io.Reader) ([]Past, error) {
	all := []Past{}
	lines := json.NewDecoder(r)
	for {
		var x Past
		err := lines.Decode(&x)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if x.PathBase64 != nil {
			x.Path = string(x.PathBase64)
		}
		all = append(all, x)
	}
}
