package regions

import (
	"container/heap"
	"time"
)

// schedule sets a deadline; the zero time is none.
func (c *Caretaker) schedule(x *care, t time.Time) {
	x.deadline = t
	switch {
	case t.IsZero() && x.index >= 0:
		heap.Remove(&c.due, x.index)
	case t.IsZero():
	case x.index >= 0:
		heap.Fix(&c.due, x.index)
	default:
		heap.Push(&c.due, x)
	}
	c.countWaiting()
}

// deadlines is a heap, the next one first.
type deadlines []*care

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *deadlines) Push(x any) {
	e := x.(*care)
	e.index = len(*d)
	*d = append(*d, e)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	e.index = -1
	return e
}
