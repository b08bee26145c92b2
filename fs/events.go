package fs

import (
	"time"

	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// What clients do is told to the arena's events. Opens, closes and sizes only while somebody waits for them: there is no
// end to them.

func (t *Tree) tell(k events.Kind, c Caller, n regions.NodeID, e events.Event) {
	e.Kind, e.Node, e.Time, e.UID, e.PID, e.Caller = k, uint64(n), time.Now(), c.UID, c.PID, true
	t.arena.Events().Add(e)
}

// created tells of a new region. PID is its process, not the thread.
func (t *Tree) created(c Caller, a *regions.Attr, dir regions.NodeID, name string, pid uint32) {
	if !a.IsRegion() {
		return
	}
	c.PID = pid
	t.tell(events.Created, c, a.Node, events.Event{Dir: uint64(dir), Name: name})
}

// deleted tells of a region that lost its last name.
func (t *Tree) deleted(c Caller, a *regions.Attr, dir regions.NodeID, name, reason string) {
	if a.Node == regions.NoNode || a.Nlink > 0 || !a.IsRegion() {
		return
	}
	t.tell(events.Deleted, c, a.Node, events.Event{Dir: uint64(dir), Name: name, Size: a.Size, Sized: true, Reason: reason})
}

func (t *Tree) sized(c Caller, n regions.NodeID, size int64) {
	if t.arena.Events().Followed() {
		t.tell(events.Sized, c, n, events.Event{Size: size, Sized: true})
	}
}

func (t *Tree) openedBy(c Caller, n regions.NodeID) {
	if t.arena.Events().Followed() {
		t.tell(events.Opened, c, n, events.Event{})
	}
}

func (t *Tree) released(n regions.NodeID) {
	if l := t.arena.Events(); l.Followed() {
		l.Add(events.Event{Kind: events.Released, Node: uint64(n), Time: time.Now()})
	}
}

// refused tells of a refusal.
func (t *Tree) refused(x *Refused) {
	t.arena.Events().Add(events.Event{Kind: events.Refused, Time: x.Time, Path: x.Path, PID: x.PID, UID: x.UID, Caller: true,
		Code: uint8(x.Code), Op: x.Op.String(), Reason: x.Reason, Remedy: x.Remedy})
}
