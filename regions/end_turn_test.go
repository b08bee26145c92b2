package regions

import (
	"testing"
	"testing/synctest"
	"time"
)

// busyProcessor is a front end on a processor that others keep for as long as they are let.
type busyProcessor struct {
	nobody
	pause  time.Duration
	pauses int
}

func (b *busyProcessor) Yield() {
	b.pauses++
	time.Sleep(b.pause)
}

// Who ends regions waits neither for many slices of others, nor lets clients wait longer than it waited for them.
func TestTurns(t *testing.T) {
	const ends, each = 10_000, 50 * time.Microsecond
	for name, c := range map[string]struct{ pause, turn, longest time.Duration }{
		"clients":        {20 * time.Microsecond, shortTurn, ends * each * 5 / 4},
		"many clients":   {time.Millisecond, shortTurn, ends * each * 12},
		"other programs": {6 * time.Millisecond, slice, ends * each * 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &busyProcessor{pause: c.pause}
				m := Manager{ender: b}
				turn, begun := m.newTurn(), time.Now()
				for range ends {
					time.Sleep(each)
					turn.pass()
				}
				if took := time.Since(begun); took > c.longest {
					t.Errorf("%d ends took %v, %d pauses among it, want at most %v", ends, took, b.pauses, c.longest)
				}
				if least := int(ends * each / (c.turn + each)); b.pauses < least {
					t.Errorf("%d pauses in %d ends, want %d at least", b.pauses, ends, least)
				}
			})
		})
	}
}
