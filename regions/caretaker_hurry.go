package regions

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// hurryTime is how long regions are ended before their time, at one go; one ends in any case, however busy the machine is.
// A request that is about to be refused waits no longer than its door lets it: see RoomToCome.
const hurryTime = 50 * time.Millisecond

// want is what a request asked for, and of which account.
type want struct {
	kind accounts.Kind
	id   uint64
	what accounts.What
	more int64
}

func (w *want) same(x *want) bool { return w.kind == x.kind && w.id == x.id && w.what == x.what }

// wanted asks for room where a request was refused. It does not wait.
func (m *Manager) wanted(e *accounts.Exceeded) {
	if e.What != accounts.Bytes && e.What != accounts.Regions && e.What != accounts.Nodes {
		return
	}
	m.lives.want(want{e.Kind, e.ID, e.What, e.Asked})
}

// want asks the caretaker for room, if there is something that only waits for its time.
func (l *lives) want(w want) {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	if i := slices.IndexFunc(l.wants, func(x want) bool { return x.same(&w) }); i >= 0 {
		l.wants[i].more = max(l.wants[i].more, w.more) // one request asks again and again
	} else {
		l.wants = append(l.wants, w)
	}
	l.mu.Unlock()
	offer(l.urgent)
}

// takeWants answers what is asked for.
func (l *lives) takeWants() []want {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wants)
}

// gotWants says that so many of them were met, or could not be.
func (l *lives) gotWants(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wants = slices.Delete(l.wants, 0, n)
}

// hurries answers whether the caretaker is about to make room.
func (l *lives) hurries() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.wants) > 0
}

// DefaultOrder is what is ended first where room is wanted: what nobody owns any more.
func DefaultOrder() []LifetimeKind { return []LifetimeKind{Owner, LastUser} }

// ParseOrder reads which lifetimes are cut short where room is wanted, first to last: owner;last-user;ttl, or none.
func ParseOrder(s string) ([]LifetimeKind, error) {
	order := []LifetimeKind{}
	if s == "none" {
		return order, nil
	}
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		k, ok := kindOf(name)
		if !ok || slices.Contains(order, k) {
			return nil, fmt.Errorf("order %q: want some of owner, last-user and ttl with semicolons between them, or none", s)
		}
		order = append(order, k)
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("order %q: want some of owner, last-user and ttl with semicolons between them, or none", s)
	}
	return order, nil
}

// FormatOrder writes what ParseOrder reads.
func FormatOrder(order []LifetimeKind) string {
	if len(order) == 0 {
		return "none"
	}
	names := make([]string, len(order))
	for i, k := range order {
		names[i] = k.String()
	}
	return strings.Join(names, ";")
}

func kindOf(name string) (LifetimeKind, bool) {
	for _, k := range []LifetimeKind{Owner, LastUser, TTL} {
		if name == k.String() {
			return k, true
		}
	}
	return Manual, false
}

// SetOrder says which lifetimes are cut short where room is wanted.
func (c *Caretaker) SetOrder(order []LifetimeKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = order
	c.countWaiting()
}

// countWaiting says whether there is something that only waits for its time.
func (c *Caretaker) countWaiting() {
	n := 0
	if len(c.order) > 0 {
		n = len(c.due)
	}
	c.m.lives.waiting.Store(int64(n))
}

// hurry makes room where it is wanted, from what only waits for its time.
func (c *Caretaker) hurry(ctx context.Context) {
	wants := c.m.lives.takeWants()
	if len(wants) == 0 {
		return
	}
	defer c.m.lives.gotWants(len(wants))
	end := c.m.now().Add(hurryTime)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range wants {
		all := c.early()
		if !c.enough(all, &w) {
			continue
		}
		tried := false
		for _, x := range all {
			if ctx.Err() != nil || tried && c.m.now().After(end) || c.short(&w) <= 0 {
				break
			}
			if c.holds(x, &w) > 0 {
				c.endEarly(roomWanted, []*care{x})
				tried = true
			}
		}
	}
}

func (c *Caretaker) short(w *want) int64 { return c.m.accounts.Short(w.kind, w.id, w.what, w.more) }

// holds answers how much room the end of a region would make where it is wanted.
func (c *Caretaker) holds(x *care, w *want) int64 {
	return c.m.accounts.Holds(accounts.Node(x.node), w.kind, w.id).Of(w.what)
}

// enough answers whether the end of all would make the room that is wanted: else none of them ends in vain.
func (c *Caretaker) enough(all []*care, w *want) bool {
	short := c.short(w)
	for i := 0; i < len(all) && short > 0; i++ {
		short -= c.holds(all[i], w)
	}
	return short <= 0
}

// early answers what may end before its time: in the order that was set, what is due first first.
func (c *Caretaker) early() []*care {
	rank := func(x *care) int {
		if i := slices.Index(c.order, x.lifetime.Kind); i >= 0 && x.state == CareCounting {
			return i
		}
		return math.MaxInt
	}
	all := slices.DeleteFunc(slices.Clone(c.due), func(x *care) bool { return rank(x) == math.MaxInt })
	slices.SortFunc(all, func(x, y *care) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), x.deadline.Compare(y.deadline))
	})
	return all
}
