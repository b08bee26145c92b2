package accounts

import (
	"sync/atomic"
	"testing"
	"time"
)

// clock is the time of a book, in slots that a test ends.
type clock struct {
	b      *Book
	now    time.Time
	begins int
}

func newClock(b *Book) *clock {
	c := &clock{b: b, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	b.OnBegin(func() time.Time {
		c.begins++
		return c.now
	})
	return c
}

const testSlot = 10 * time.Second

func (c *clock) tick() bool {
	c.now = c.now.Add(testSlot)
	return c.b.Tick(c.now)
}

func growTo(t *testing.T, b *Book, n Node, size int64) {
	t.Helper()
	if _, e := b.Grow(n, size, size); e != nil {
		t.Fatal(e)
	}
	b.Settle(n, Seen{Size: size}, true)
}

func TestRateIsOfTheLastSlots(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetSize(10_000, false)
	place(t, b, 2, 0)
	rate := func(what string, want int64) {
		t.Helper()
		s, _ := b.Account(OfUser, 1)
		if got := s.Growth.Rate(c.now); got != want {
			t.Errorf("%s: %d bytes a second, want %d", what, got, want)
		}
		m := b.Mount()
		if got := m.Growth.Rate(c.now); got != want {
			t.Errorf("%s: the mount grows by %d, want %d", what, got, want)
		}
	}
	rate("nothing", 0)
	growTo(t, b, 2, 100)
	rate("at once, as if it had taken a while", 20)
	c.tick()
	rate("after a slot", 10)
	growTo(t, b, 2, 400)
	c.tick()
	rate("in a slot", 30)
	growTo(t, b, 2, 500)
	c.now = c.now.Add(testSlot / 2)
	rate("in this slot and the one before", 400/15)
	c.now = c.now.Add(testSlot / 2)
	b.Tick(c.now)
	rate("in the slot before", 10)
	c.tick()
	rate("long ago", 0)
	growTo(t, b, 2, 200)
	rate("shrunk, after a while", -60)
}

// Time is asked for when something changes after a while, and slots end when nothing does.
func TestNothingTicksWhileNothingChanges(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	if c.begins != 0 {
		t.Error("begins with nothing")
	}
	place(t, b, 2, 10)
	growTo(t, b, 2, 20)
	if c.begins != 1 {
		t.Errorf("began %d times, want once", c.begins)
	}
	for slot, more := range []bool{true, false} {
		if got := c.tick(); got != more {
			t.Errorf("after slot %d: another one: %v, want %v", slot, got, more)
		}
	}
	c.now = c.now.Add(time.Hour)
	growTo(t, b, 2, 120)
	if s := b.Mount(); c.begins != 2 || s.Growth.Rate(c.now) != 20 {
		t.Errorf("began %d times, grows by %d; want 2 and 20", c.begins, s.Growth.Rate(c.now))
	}
}

// What was there before a book is no growth.
func TestFoundIsNoGrowth(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetSize(1000, false)
	place(t, b, 2, 0)
	growTo(t, b, 2, 50)
	b.FoundNameless(3, testRoot, Seen{Size: 500}, Owner{})
	want := func(what string, used, growth int64) {
		t.Helper()
		if s := b.Mount(); s.Used.Bytes != used || s.Growth.Bytes != growth || s.Growth.Rate(c.now) != growth/5 {
			t.Errorf("%s: got %+v", what, s)
		}
	}
	want("found later", 550, 50)

	b = New(1, testRoot)
	c = newClock(b)
	b.Expect()
	b.Found(3, testRoot, Region, Seen{Size: 500}, Owner{User: 1}, 1)
	place(t, b, 2, 0)
	growTo(t, b, 2, 50)
	b.Adopted()
	want("adopted", 550, 50)

	mem := make([]atomic.Uint64, SumsWords(10))
	b.Inherit(mem, 1)
	b = New(1, testRoot)
	c = newClock(b)
	b.Expect()
	if _, ok := b.Inherit(mem, 2); !ok {
		t.Fatal("the sums cannot be relied on")
	}
	want("written down by the book before", 550, 0)
	b.Found(3, testRoot, Region, Seen{Size: 500}, Owner{User: 1}, 1)
	b.Found(2, testRoot, Region, Seen{Size: 50}, Owner{User: 1}, 1)
	growTo(t, b, 2, 60)
	b.Adopted()
	want("found again", 560, 10)
}

// Who has a limit and holds nothing is not full.
func TestNobodyIsNotFull(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetLimits(Numbered(OfUser, 7), &Limits{Bytes: 10, Regions: 1})
	for _, s := range b.Limited() {
		if in, ok := s.Growth.FullIn(c.now); ok || s.Growth.Rate(c.now) != 0 {
			t.Errorf("%v %d: full in %v", s.Kind, s.ID, in)
		}
	}
}

func TestFullIn(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetSize(1000, false)
	full := func(what string, wantIn time.Duration, wantOK bool) {
		t.Helper()
		s := b.Mount()
		in, ok := s.Growth.FullIn(c.now)
		if in != wantIn || ok != wantOK {
			t.Errorf("%s: %v %v, want %v %v", what, in, ok, wantIn, wantOK)
		}
	}
	full("empty", 0, false)
	place(t, b, 2, 0)
	growTo(t, b, 2, 100)
	c.tick()
	full("100 in 10 s, 900 left", 90*time.Second, true)
	b.SetSettings(testRoot, Settings{Limits: Limits{Regions: 2}}, false)
	full("a region in 10 s, one left", 10*time.Second, true)
	c.tick()
	c.tick()
	full("stands still", 0, false)
	b.SetSettings(testRoot, Settings{}, false)
	growTo(t, b, 2, 1000)
	c.tick()
	c.tick()
	full("full", 0, true)
}

// It is told once, and only of what has been growing for a while.
func TestFullSoonIsToldOnce(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetSize(1000, false)
	place(t, b, 2, 0)
	told := func(size int64, want int) {
		t.Helper()
		growTo(t, b, 2, size)
		c.tick()
		got := b.Crossings()
		if len(got) != want {
			t.Errorf("at %d: told %+v, want %d", size, got, want)
		}
		for _, x := range got {
			if x.Kind != Mount || x.What != Bytes || x.Limit != 1000 || x.Used != size || x.In <= 0 || x.In > Foresight {
				t.Errorf("told %+v", x)
			}
		}
	}
	told(100, 0) // at one stroke
	told(100, 0)
	told(200, 0) // at one stroke again
	told(300, 1) // 100 in each of two slots
	told(400, 0) // once
	told(401, 0) // slow: that is far away
	told(402, 0)
	told(500, 0) // a stroke
	told(600, 1)
	told(1000, 0)
}

// Accounts without a limit are not looked at, those of users with one are.
func TestFullSoonOfAUser(t *testing.T) {
	b := New(1, testRoot)
	c := newClock(b)
	b.SetLimits(Numbered(OfUser, 1), &Limits{Regions: 10})
	for n := range Node(6) {
		place(t, b, n+2, 1000)
		c.tick()
	}
	got := b.Crossings()
	if len(got) != 1 || got[0].Kind != OfUser || got[0].ID != 1 || got[0].What != Regions || got[0].Limit != 10 {
		t.Errorf("told %+v", got)
	}
}
