package fstest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

const (
	stressWorkers = 8
	stressCalls   = 300 // a worker
	stressNames   = 6   // that all workers fight for, in each of two directories
)

// stress lets many goroutines change names at once. Each has a directory of its own, whose every entry a model knows;
// and all fight for the same few names in two others, where a model knows how many regions there must be at the end.
func (cfg *Config) stress(t *testing.T) {
	c := cfg.fresh(t)
	ok(t, c.Mkdir("shared0", 0o755))
	ok(t, c.Mkdir("shared1", 0o755))
	var crowd crowd
	var workers sync.WaitGroup
	for i := range stressWorkers {
		own := fmt.Sprintf("own%d", i)
		ok(t, c.Mkdir(own, 0o755))
		workers.Go(func() {
			w := worker{t: t, c: c, random: rand.New(rand.NewPCG(uint64(i), 2)), own: own, crowd: &crowd}
			w.run()
		})
	}
	workers.Wait()
	crowd.check(t, c)
}

// stressOpens lets many goroutines open one name at once, which comes and goes meanwhile. What one wrote through a handle
// it reads through that handle.
func (cfg *Config) stressOpens(t *testing.T) {
	c := cfg.fresh(t)
	var workers sync.WaitGroup
	for i := range stressWorkers {
		workers.Go(func() {
			for j := range stressCalls {
				if err := openWriteRead(c, int64(i), byte(j)); err != nil {
					t.Errorf("worker %d, call %d: %v", i, j, err)
				}
				if j%10 != i {
					continue
				}
				if err := c.Unlink("f"); err != nil && !errors.Is(err, regions.NotFound) {
					t.Errorf("unlink: %v", err)
				}
			}
		})
	}
	workers.Wait()
}

func openWriteRead(c Client, at int64, value byte) error {
	f, err := c.Open("f", ReadWrite|Create, 0o644)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{value}, at*10000); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	p := make([]byte, 1)
	if _, err := f.ReadAt(p, at*10000); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if p[0] != value {
		return fmt.Errorf("read %d after writing %d", p[0], value)
	}
	return nil
}

// crowd counts what all workers did to the shared names.
type crowd struct{ made, removed atomic.Int64 }

// check: no call replaces a name, so what was made and not removed is there, each region under one name.
func (m *crowd) check(t *testing.T, c Client) {
	seen := map[string]string{}
	for _, dir := range []string{"shared0", "shared1"} {
		entries, err := list(c, dir)
		ok(t, err)
		for _, e := range entries {
			path := dir + "/" + e.Name
			token := content(t, c, path)
			if other, twice := seen[token]; twice {
				t.Errorf("%s and %s are one region", other, path)
			}
			seen[token] = path
		}
	}
	equal(t, "regions left", int64(len(seen)), m.made.Load()-m.removed.Load())
}

// worker is one goroutine. model is what its own directory must hold: the content by name.
type worker struct {
	t      *testing.T
	c      Client
	random *rand.Rand
	own    string
	model  map[string]string
	crowd  *crowd
}

func (w *worker) run() {
	w.model = map[string]string{}
	for i := range stressCalls {
		w.fight(i)
		w.tend(i)
	}
	entries, err := list(w.c, w.own)
	if err != nil || len(entries) != len(w.model) {
		w.t.Errorf("%s: %d entries, %v; want %d", w.own, len(entries), err, len(w.model))
	}
	for _, e := range entries {
		w.expect(e.Name, w.model[e.Name])
	}
}

// tend changes the worker's own directory, where every call has one right answer.
func (w *worker) tend(i int) {
	a, b := w.name(), w.name()
	from, to := w.own+"/"+a, w.own+"/"+b
	was, there := w.model[a]
	var err error
	switch w.random.IntN(4) {
	case 0:
		text := fmt.Sprintf("%s %d", w.own, i)
		err, there = w.write(from, Trunc, text), true
		w.model[a] = text
	case 1:
		err = w.c.Unlink(from)
		delete(w.model, a)
	case 2:
		err = w.c.Rename(from, to, 0)
		if there && a != b {
			delete(w.model, a)
			w.model[b] = was
		}
	case 3:
		_, err = w.c.Stat(from, false)
	}
	switch {
	case there && err != nil:
		w.t.Errorf("%s, which is there: %v", from, err)
	case !there && !errors.Is(err, regions.NotFound):
		w.t.Errorf("%s, which is not there: %v", from, err)
	}
}

func (w *worker) name() string { return string(rune('a' + w.random.IntN(stressNames))) }

// write writes a region of its own at path, or replaces what is there.
func (w *worker) write(path string, how OpenFlags, text string) error {
	f, err := w.c.Open(path, Write|Create|how, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

func (w *worker) expect(name, want string) {
	f, err := w.c.Open(w.own+"/"+name, Read, 0)
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
		return
	}
	defer f.Close()
	p := make([]byte, 100)
	n, err := f.ReadAt(p, 0)
	if err != nil || string(p[:n]) != want {
		w.t.Errorf("%s/%s: %q, %v; want %q", w.own, name, p[:n], err, want)
	}
}

// fight changes the shared names. A call may lose against another worker's, but never in another way.
func (w *worker) fight(i int) {
	from, to := w.shared(), w.shared()
	var err error
	switch w.random.IntN(7) {
	case 0, 1:
		err = w.make(from, i)
	case 2:
		if err = w.c.Unlink(from); err == nil {
			w.crowd.removed.Add(1)
		}
	case 3:
		err = w.c.Rename(from, to, regions.RenameNoReplace)
	case 4:
		err = w.c.Rename(from, to, regions.RenameExchange)
	case 5:
		_, err = list(w.c, from[:len("shared0")])
	case 6:
		var a regions.Attr
		if a, err = w.c.Stat(from, false); err == nil && a.Nlink > 1 {
			w.t.Errorf("%s has %d links", from, a.Nlink)
		}
	}
	if err != nil && !errors.Is(err, regions.NotFound) && !errors.Is(err, regions.Exists) {
		w.t.Errorf("%s, %s: %v", from, to, err)
	}
}

// make puts a region under a shared name. It has its content before it can be seen.
func (w *worker) make(path string, i int) error {
	hidden := fmt.Sprintf("%s/token%d", w.own, i)
	if err := w.write(hidden, Exclusive, hidden); err != nil {
		return err
	}
	err := w.c.Rename(hidden, path, regions.RenameNoReplace)
	if err == nil {
		w.crowd.made.Add(1)
		return nil
	}
	if err := w.c.Unlink(hidden); err != nil {
		w.t.Errorf("%s: %v", hidden, err)
	}
	return err
}

func (w *worker) shared() string { return fmt.Sprintf("shared%d/%s", w.random.IntN(2), w.name()) }
