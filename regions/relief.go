package regions

import (
	"context"
	"fmt"
	"time"

	"github.com/shmfs/shmfs/regions/events"
)

// Relief is what was ended before its time because memory was short.
type Relief struct {
	Source string // who said so
	Ended  int
	Bytes  int64 // memory that they had
	Left   int   // how many may still be ended so
}

// How much is ended each time that memory is said to be short, which is again if it still is: a part of what may be, some at
// least, and no longer than it may keep what is due from ending.
const (
	reliefPart  = 4
	reliefLeast = batch
	// quietTime is after how long memory that is short is told of again although nothing could be ended.
	quietTime = time.Minute
)

// whyEarly is why a region ends before its time.
type whyEarly string

const (
	notEarly   whyEarly = ""
	roomWanted whyEarly = "room was wanted"
	memoryLow  whyEarly = "memory is short"
)

// Pressed says that memory is short, and who says so. It does not wait; while the caretaker has yet to act on it, it needs
// not be said again.
func (c *Caretaker) Pressed(source string) {
	select {
	case c.pressed <- source:
	default:
	}
}

// OnRelief sets who is told of what was ended. Call it before Run.
func (c *Caretaker) OnRelief(f func(Relief)) { c.relieved = f }

// relieve ends a part of what only waits for its time, in the order that was set: of what has memory, and nobody has.
func (c *Caretaker) relieve(ctx context.Context, source string) {
	c.mu.Lock()
	all := c.early()
	r := Relief{Source: source, Left: len(all)}
	most, end := max(len(all)/reliefPart, reliefLeast), c.m.now().Add(hurryTime)
	for tried := false; len(all) > 0 && r.Ended < most && ctx.Err() == nil && !(tried && c.m.now().After(end)); tried = true {
		var some []*care
		some, all = c.withMemory(all, min(batch, most-r.Ended))
		ended, bytes := c.endEarly(memoryLow, some)
		r.Ended, r.Bytes = r.Ended+ended, r.Bytes+bytes
	}
	r.Left -= r.Ended
	c.sums.Pressed++
	c.sums.Relieved += uint64(r.Ended)
	c.sums.RelievedBytes += uint64(r.Bytes)
	now := c.m.now()
	tell := r.Ended > 0 || now.Sub(c.toldPressed) >= quietTime
	if tell {
		c.toldPressed = now
	}
	c.mu.Unlock()
	if tell {
		c.m.events.Add(events.Event{Kind: events.MemoryPressure, Time: now, Size: r.Bytes, Sized: true, Reason: fmt.Sprintf(
			"%s: %d regions ended before their time, which had %s; %d more may", r.Source, r.Ended, FormatSize(r.Bytes), r.Left)})
		c.relieved(r)
	}
}

// withMemory takes the first of some regions that have memory, and answers what comes behind them.
func (c *Caretaker) withMemory(all []*care, most int) (some, rest []*care) {
	for i, x := range all {
		if len(some) == most {
			return some, all[i:]
		}
		if c.memoryOf(x) > 0 {
			some = append(some, x)
		}
	}
	return some, nil
}

// memoryOf answers how much memory the end of a region gives back.
func (c *Caretaker) memoryOf(x *care) int64 {
	a, err := c.m.Arena.Getattr(x.node)
	if err != nil || a.Source != NoNode {
		return 0
	}
	return a.Resident()
}

// endEarly ends regions before their time, and answers how many ended, and the memory that they had.
func (c *Caretaker) endEarly(why whyEarly, all []*care) (ended int, bytes int64) {
	before := c.sums.Ended
	had := make([]int64, len(all))
	for i, x := range all {
		had[i] = c.memoryOf(x)
		c.schedule(x, time.Time{})
		x.early = why
	}
	c.end(all)
	for i, x := range all {
		x.early = notEarly
		if c.cares[x.node] != x {
			bytes += had[i]
		}
	}
	c.sums.Early += c.sums.Ended - before
	return int(c.sums.Ended - before), bytes
}
