package accounts

import "testing"

func TestThrottle(t *testing.T) {
	const dir, region Node = 2, 3
	b := New(4, testRoot)
	b.SetSize(1000, false)
	c, e := b.Make(testRoot, NewNode{Type: Directory, Named: true})
	if e != nil {
		t.Fatal(e)
	}
	c.Made(dir, Seen{}, Owner{})
	c, e = b.Make(dir, NewNode{Type: Region, Named: true})
	if e != nil {
		t.Fatal(e)
	}
	c.Made(region, Seen{Size: 40}, Owner{})
	want := func(what string, end int64, part float64) {
		t.Helper()
		if got := b.Throttle(region, end); got != part {
			t.Errorf("%s: %v of the way, want %v", what, got, part)
		}
	}
	want("no throttle", 100, 0)
	b.SetSettings(dir, Settings{Limits: Limits{Throttle: 80}}, false)
	want("no limit", 100, 0)
	b.SetSettings(dir, Settings{Limits: Limits{Bytes: 100, Throttle: 80}}, false)
	want("below", 80, 0)
	want("between", 88, 0.4)
	want("rounded", 89, 0.6)
	want("the last", 100, 1)
	want("too much", 101, 0)
	want("shrinks", 4, 0)
	want("as it is", 40, 0)
	growTo(t, b, region, 96)
	want("shrinks, above it", 92, 0)
	want("stays, above it", 96, 0)
	if got := b.Throttle(77, 100); got != 0 {
		t.Errorf("not known: %v", got)
	}
	b.SetSettings(dir, Settings{Limits: Limits{Bytes: 100, Throttle: 80}, Overcommit: OvercommitOn}, false)
	want("holes do not count", 100, 0)
	b.SetSettings(dir, Settings{Limits: Limits{Bytes: 100, Throttle: 80}}, false)
	l, e := b.Link(region, testRoot)
	if e != nil {
		t.Fatal(e)
	}
	l.Keep()
	want("a name elsewhere", 100, 0)
}

// BenchmarkGrow is the whole of what growing costs in the book: below ten directories with limits, and below none; by
// one, and by all processors at once.
func BenchmarkGrow(b *testing.B) {
	for name, depth := range map[string]int{"free": 0, "nested": 10} {
		b.Run(name, func(b *testing.B) {
			book := New(4096, testRoot)
			book.SetSize(1<<40, false)
			dir := testRoot
			for n := range Node(depth) {
				c, _ := book.Make(dir, NewNode{Type: Directory, Named: true})
				dir = n + 2
				c.Made(dir, Seen{}, Owner{})
				book.SetSettings(dir, Settings{Limits: Limits{Bytes: 1 << 39, Regions: 100}}, false)
			}
			next := Node(1000)
			b.RunParallel(func(p *testing.PB) {
				c, _ := book.Make(dir, NewNode{Type: Region, Named: true, Owner: Owner{User: 1}})
				book.mu.Lock()
				next++
				region := next
				book.mu.Unlock()
				c.Made(region, Seen{}, Owner{User: 1})
				for size := int64(0); p.Next(); size = (size + 4096) % (1 << 20) {
					book.Grow(region, size, size)
					book.Settle(region, Seen{Size: size}, true)
				}
			})
		})
	}
}
