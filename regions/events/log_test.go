package events

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func numbers(all []Event) (first, last uint64) {
	if len(all) == 0 {
		return 0, 0
	}
	return all[0].Seq, all[len(all)-1].Seq
}

func TestSince(t *testing.T) {
	var noted uint64
	l := New(100, func(n uint64) { noted = n })
	if all, missed := l.Since(0, 10); len(all) != 0 || missed != 0 {
		t.Errorf("an empty log answers %d events, %d missed", len(all), missed)
	}
	for range 5 {
		l.Add(Event{Kind: Created})
	}
	all, missed := l.Since(0, Kept)
	if first, last := numbers(all); first != 101 || last != 105 || missed != 0 || noted != 105 {
		t.Errorf("got %d to %d, %d missed, noted %d, want 101 to 105", first, last, missed, noted)
	}
	for range Kept {
		l.Add(Event{Kind: Deleted})
	}
	all, missed = l.Since(102, Kept+10)
	if first, last := numbers(all); first != 106 || last != 105+Kept || missed != 3 {
		t.Errorf("got %d to %d, %d missed, want 106 to %d and 3", first, last, missed, 105+Kept)
	}
	for i, e := range all {
		if e.Seq != 106+uint64(i) || e.Kind != Deleted {
			t.Fatalf("event %d is %d (%s)", i, e.Seq, e.Kind)
		}
	}
	if all, _ := l.Since(105, 7); len(all) != 7 {
		t.Errorf("asked for 7, got %d", len(all))
	}
}

// What users write, and their paths, may be long; what is kept of it is not.
func TestLongTextsAreCut(t *testing.T) {
	l := New(0, nil)
	l.Add(Event{Kind: Refused, Path: "jobs/7", Reason: strings.Repeat("x", 60000), Remedy: strings.Repeat("\u00e4", 2049)})
	all, _ := l.Since(0, 1)
	x := all[0]
	if x.Path != "jobs/7" || x.Reason != strings.Repeat("x", 4096)+"..." || x.Remedy != strings.Repeat("\u00e4", 2048)+"..." {
		t.Errorf("kept path %q, %d bytes of reason, %d of remedy", x.Path, len(x.Reason), len(x.Remedy))
	}
	l.Add(Event{Kind: Refused, Path: strings.Repeat("d/", 5000)})
	if all, _ = l.Since(1, 1); len(all[0].Path) > 4100 {
		t.Errorf("%d bytes of a path", len(all[0].Path))
	}
}

func TestFollow(t *testing.T) {
	l := New(0, nil)
	l.Add(Event{Kind: Created})
	f, whole := l.Follow(), l.FollowAll()
	if !l.Followed() || f.Ready() || !whole.Ready() {
		t.Errorf("followed %v, ready %v, and from the start on %v; want true, false, true", l.Followed(), f.Ready(), whole.Ready())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := f.Next(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing happened, and it answered %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { l.Add(Event{Kind: Deleted}) })
	all, _, err := f.Next(t.Context(), 8)
	if err != nil || len(all) != 1 || all[0].Kind != Deleted {
		t.Errorf("got %v (%v), want one event", all, err)
	}
	f.Close()
	whole.Close()
	if l.Followed() {
		t.Error("nobody follows any more")
	}
}

// Every follower sees every event once and in order, while several add.
func TestFollowAtOnce(t *testing.T) {
	const writers, each, readers = 4, 500, 4
	l := New(7, nil)
	var done sync.WaitGroup
	for range readers {
		f := l.Follow()
		done.Go(func() {
			defer f.Close()
			for want := uint64(8); want < 8+writers*each; {
				all, missed, err := f.Next(t.Context(), 16)
				if err != nil || missed > 0 {
					t.Errorf("missed %d: %v", missed, err)
					return
				}
				for _, e := range all {
					if e.Seq != want {
						t.Errorf("got %d, want %d", e.Seq, want)
						return
					}
					want++
				}
			}
		})
	}
	for range writers {
		done.Go(func() {
			for range each {
				l.Add(Event{})
			}
		})
	}
	done.Wait()
}

func BenchmarkAdd(b *testing.B) {
	l := New(0, nil)
	for b.Loop() {
		l.Add(Event{Kind: Created, Name: "name"})
	}
}
