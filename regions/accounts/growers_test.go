package accounts

import (
	"sync"
	"testing"
)

// Many grow at once towards one limit: it is reached to the last byte and never passed.
func TestGrowersMeetAtTheLastByte(t *testing.T) {
	const growers, limit, step = 16, 10_000, 7
	b := New(1, testRoot)
	b.SetSize(limit, false)
	for n := Node(2); n < 2+growers; n++ {
		c, e := b.Make(testRoot, NewNode{Type: Region, Named: true})
		if e != nil {
			t.Fatal(e)
		}
		c.Made(n, Seen{}, Owner{})
	}
	var all sync.WaitGroup
	for n := Node(2); n < 2+growers; n++ {
		all.Go(func() {
			for size := int64(0); ; {
				granted, e := b.Grow(n, size+step, size)
				if e == nil {
					size = granted
				}
				b.Settle(n, Seen{Size: size}, false)
				if used := b.Mount().Used.Bytes; used > limit {
					t.Errorf("%d bytes are promised, the limit is %d", used, limit)
				}
				if e != nil {
					return
				}
			}
		})
	}
	all.Wait()
	if got := b.Mount().Used.Bytes; got != limit {
		t.Errorf("%d bytes are promised when all were refused, want %d", got, limit)
	}
}
