package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// streamName is the directory of the files that do not end. It is not listed.
const streamName = "stream"

// Event is a line of `events`.
type Event struct {
	Seq        uint64    `json:"seq"` // from 1 on since the mount began; a gap is what was missed
	Time       time.Time `json:"time"`
	Event      string    `json:"event"`
	Path       string    `json:"path,omitempty"`
	PathBase64 []byte    `json:"path_base64,omitempty"` // the path's bytes, where they are not UTF-8
	Node       string    `json:"node,omitempty"`
	PID        *uint32   `json:"pid,omitempty"` // who asked; 0 if the server cannot name it
	UID        *uint32   `json:"uid,omitempty"`
	Size       *int64    `json:"size,omitempty"`
	Operation  string    `json:"operation,omitempty"`
	Errno      string    `json:"errno,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Remedy     string    `json:"remedy,omitempty"`
	Missed     uint64    `json:"missed,omitempty"` // how many were not kept for this reader
}

// missedEvent is the line that tells a reader how many it missed.
const missedEvent = "missed"

// EventKinds lists what events are called.
func EventKinds() []string {
	all := []string{missedEvent}
	for _, k := range events.Kinds() {
		all = append(all, string(k))
	}
	return all
}

// events is `events`: the last of what happened, oldest first.
func (d *directory) events(context.Context, url.Values) ([]byte, error) {
	all, _ := d.sources.Tree().Arena().Events().Since(0, events.Kept)
	return d.eventLines(all, 0), nil
}

// eventLines writes a line an event, behind one for those that were missed.
func (d *directory) eventLines(all []events.Event, missed uint64) []byte {
	var b []byte
	if missed > 0 {
		x := Event{Event: missedEvent, Missed: missed, Time: time.Now().UTC(),
			Reason: fmt.Sprintf("the reader was too slow, or the server too busy: %d events are kept", events.Kept)}
		if len(all) > 0 {
			x.Seq = all[0].Seq - 1
		}
		b = appendEvent(b, &x)
	}
	for i := range all {
		x := d.event(&all[i])
		b = appendEvent(b, &x)
	}
	return b
}

func appendEvent(b []byte, x *Event) []byte {
	line, _ := json.Marshal(x) // there is nothing in it that cannot be written
	return append(append(b, line...), '\n')
}

// event writes an event for readers: where it was is found out now.
func (d *directory) event(e *events.Event) Event {
	x := Event{Seq: e.Seq, Time: e.Time.UTC(), Event: string(e.Kind), Path: d.eventPath(e), Operation: e.Op, Reason: e.Reason,
		Remedy: e.Remedy}
	if !utf8.ValidString(x.Path) {
		x.PathBase64 = []byte(x.Path)
	}
	if e.Node != 0 {
		x.Node = regions.NodeID(e.Node).String()
	}
	if e.Caller {
		x.PID, x.UID = &e.PID, &e.UID
	}
	if e.Sized {
		x.Size = &e.Size
	}
	if e.Code != 0 && int(e.Code) < len(errnoNames) {
		x.Errno = errnoNames[e.Code]
	}
	return x
}

func (d *directory) eventPath(e *events.Event) string {
	tree := d.sources.Tree()
	switch {
	case e.Path != "":
		return e.Path
	case e.Name != "":
		return tree.Arena().PathOf(regions.NodeID(e.Dir), e.Name)
	case e.Node != 0:
		return strings.TrimSuffix(tree.Path(regions.NodeID(e.Node)), " (deleted)")
	}
	return ""
}

// streamDir is `stream`.
type streamDir struct{ d *directory }

var (
	_ fs.VirtualDir    = streamDir{}
	_ fs.VirtualHider  = streamDir{}
	_ fs.VirtualHider  = (*directory)(nil)
	_ fs.VirtualStream = eventStream{}
)

// Hidden names what has a place and is not listed.
func (d *directory) Hidden() []string { return []string{streamName} }

func (s streamDir) Names() []string  { return nil }
func (s streamDir) Hidden() []string { return []string{"events"} }

func (s streamDir) Find(name string) (fs.VirtualNode, bool) {
	if name != "events" {
		return fs.VirtualNode{}, false
	}
	return fs.VirtualNode{File: eventStream(s)}, true
}

// eventStream is `stream/events`.
type eventStream struct{ d *directory }

// Snapshot is not asked for: who opens it follows.
func (s eventStream) Snapshot(context.Context) ([]byte, error) { return nil, regions.NotSupported }

// Follow begins with what happens from now on; in place of an earlier server, with all that this one knows.
func (s eventStream) Follow(who fs.Reader) (fs.VirtualReader, error) {
	if err := s.d.readers.enter(who); err != nil {
		return nil, err
	}
	log := s.d.sources.Tree().Arena().Events()
	r := &eventReader{d: s.d, who: who, turn: make(chan struct{}, 1)}
	if who.Resumed {
		r.follower = log.FollowAll()
	} else {
		r.follower = log.Follow()
	}
	return r, nil
}

// eventReader is one open of it. The kernel sends one read at a time for each descriptor, or several threads share one:
// then they take turns.
type eventReader struct {
	d        *directory
	who      fs.Reader
	turn     chan struct{} // holds one token while somebody reads; guards the rest
	follower *events.Follower
	rest     []byte // of a line that did not fit
}

// eventsAtOnce is how many events one read makes text of.
const eventsAtOnce = 64

// Read answers whole lines where they fit.
func (r *eventReader) Read(ctx context.Context, p []byte, wait bool) (int, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return 0, regions.Interrupted
	}
	if len(r.rest) == 0 {
		if !wait && !r.follower.Ready() {
			return 0, regions.Again
		}
		all, missed, err := r.follower.Next(ctx, eventsAtOnce)
		if err != nil {
			return 0, regions.Interrupted
		}
		r.rest = r.d.eventLines(all, missed)
	}
	n := copy(p, r.rest)
	if n < len(r.rest) {
		if i := bytes.LastIndexByte(r.rest[:n], '\n'); i >= 0 {
			n = i + 1
		}
	}
	r.rest = r.rest[n:]
	return n, nil
}

func (r *eventReader) Close() error {
	r.follower.Close()
	r.d.readers.leave(r.who)
	return nil
}

// Events opens the events that are kept, for ReadEvents.
func (c *Client) Events() (io.ReadCloser, error) { return os.Open(c.path("events")) }

// Follow opens what happens from now on, for ReadEvents: it does not end.
func (c *Client) Follow() (io.ReadCloser, error) { return openStream(c.path(streamName + "/events")) }

// ReadEvents reads `events`. Path has the very bytes of the path. An error ends it.
func ReadEvents(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := json.NewDecoder(r)
		for {
			var x Event
			err := lines.Decode(&x)
			if errors.Is(err, io.EOF) {
				return
			}
			if x.PathBase64 != nil {
				x.Path = string(x.PathBase64)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}
