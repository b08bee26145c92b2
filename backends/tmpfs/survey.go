//go:build linux

package tmpfs

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// survey is a walk by several goroutines: one reads directories, the others look at what is in them.
type survey struct {
	arena   *Arena
	records bool
	fn      func(regions.Item) error
	batches chan batch
	end     context.CancelCauseFunc // of the walk, by the first error
}

// batch is entries of one directory, none of them a directory.
type batch struct {
	dir     *surveyed
	entries []regions.Entry
}

// surveyed is a directory that stays open until all of its entries were looked at.
type surveyed struct {
	node  regions.NodeID
	fd    int
	users atomic.Int32
}

func (d *surveyed) release() {
	if d.users.Add(-1) == 0 {
		unix.Close(d.fd)
	}
}

const (
	batchSize = 128
	// yieldEvery is after how many nodes, of some 3 µs each, a goroutine of a survey lets others go first: requests are
	// served meanwhile, and Go would let it run for 10 ms.
	yieldEvery = 32
)

// Survey walks the arena with as many goroutines as there are processors for them.
func (a *Arena) Survey(ctx context.Context, records bool, fn func(regions.Item) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	workers := runtime.GOMAXPROCS(0)
	s := &survey{arena: a, records: records && a.recordName != "", fn: fn, batches: make(chan batch, workers), end: end}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { s.look(ctx) })
	}
	if err := s.read(ctx); err != nil {
		end(err)
	}
	close(s.batches)
	all.Wait()
	return context.Cause(ctx)
}

// read reads all directories, each after the one that it is in was looked at.
func (s *survey) read(ctx context.Context) error {
	todo := []regions.NodeID{regions.RootNode}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := todo[len(todo)-1]
		below, err := s.readOne(ctx, dir)
		if err != nil && (dir == regions.RootNode || !passable(err)) {
			return err
		}
		todo = append(todo[:len(todo)-1], below...)
	}
	return nil
}

// readOne hands out what is in a directory, and answers the directories in it.
func (s *survey) readOne(ctx context.Context, dir regions.NodeID) (below []regions.NodeID, err error) {
	fd, err := s.arena.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, code(err)
	}
	d := &surveyed{node: dir, fd: fd}
	d.users.Add(1)
	defer d.release()
	b := batch{dir: d}
	var stop error
	err = s.arena.listing(s.arena.inner(dir), fd).Read(0, false, func(e regions.Entry) bool {
		if e.Type != regions.TypeDir {
			if b.entries = append(b.entries, e); len(b.entries) == batchSize {
				b = s.hand(b)
			}
			return ctx.Err() == nil
		}
		it := s.item(d, e)
		if it.Attr.Node == regions.NoNode {
			return true
		}
		below = append(below, it.Attr.Node)
		stop = s.fn(it)
		return stop == nil
	})
	s.hand(b)
	if stop != nil {
		return nil, stop
	}
	return below, err
}

// hand gives a batch to whoever comes first, and answers an empty one.
func (s *survey) hand(b batch) batch {
	if len(b.entries) > 0 {
		b.dir.users.Add(1)
		s.batches <- b
	}
	return batch{dir: b.dir, entries: make([]regions.Entry, 0, batchSize)}
}

// look looks at batches until there are no more.
func (s *survey) look(ctx context.Context) {
	for b := range s.batches {
		for i, e := range b.entries {
			if ctx.Err() != nil {
				break
			}
			if i%yieldEvery == 0 {
				runtime.Gosched()
			}
			it := s.item(b.dir, e)
			if it.Attr.Node == regions.NoNode {
				continue // gone
			}
			if err := s.fn(it); err != nil {
				s.end(err)
			}
		}
		b.dir.release()
	}
}

// item is a node with its attributes; its Node is NoNode if it has gone.
func (s *survey) item(d *surveyed, e regions.Entry) regions.Item {
	it := regions.Item{Parent: d.node}
	it.Attr, _ = s.arena.find(directory{fd: d.fd, node: s.arena.inner(d.node)}, e.Name)
	if s.records && it.Attr.Node != regions.NoNode {
		s.arena.xattrsAt(d.fd, e.Name, &it)
	}
	if s.records && it.Attr.IsRegion() {
		it.Record, _ = s.arena.recordIn(d.fd, e.Name)
	}
	return it
}
