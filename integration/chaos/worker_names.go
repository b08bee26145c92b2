//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// names works on names, and knows what must come of each call: nobody else is in its directory. What it makes is named
// by a counter that never goes back, so that a call that was done twice shows.
type names struct {
	dir    string
	random *rand.Rand
	clock  *clock
	next   int
	model  map[string]*thing // what a name stands for
}

// thing is a node: names that were linked share one.
type thing struct {
	kind  fs.FileMode
	links int
	size  int64
	text  string // a symlink's target
	mark  bool   // has the attribute
	perm  fs.FileMode
}

func newNames(dir string, r *rand.Rand, c *clock) (worker, error) {
	return &names{dir: dir, random: r, clock: c, model: map[string]*thing{}}, nil
}

func (w *names) path(name string) string { return filepath.Join(w.dir, name) }

func (w *names) fresh() string {
	w.next++
	return fmt.Sprintf("n%d", w.next)
}

// any answers a name that there is, of a kind if that is not 0; "" for none.
func (w *names) any(accept func(*thing) bool) string {
	var all []string
	for name, t := range w.model {
		if accept(t) {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return all[w.random.IntN(len(all))]
}

func everything(*thing) bool    { return true }
func aRegion(t *thing) bool     { return t.kind == 0 }
func noDirectory(t *thing) bool { return t.kind != fs.ModeDir }

// step does one operation: makers while there is little, removers while there is much.
func (w *names) step() error {
	if w.random.IntN(40) == 0 {
		return w.check()
	}
	makers := []func() error{w.create, w.create, w.mkdir, w.symlink, w.mknod, w.link}
	changers := []func() error{w.rename, w.replace, w.exchange, w.noReplace, w.taken, w.mark, w.unmark, w.resize, w.chmod}
	removers := []func() error{w.remove, w.remove, w.remove}
	all := slices.Concat(makers, changers, removers)
	if len(w.model) > 30 {
		all = removers
	}
	return all[w.random.IntN(len(all))]()
}

// do times a call, and says what it was if it failed.
func (w *names) do(what string, fn func() error) error {
	if err := w.clock.timed(fn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (w *names) create() error {
	name := w.fresh()
	err := w.do("create "+name, func() error {
		f, err := os.OpenFile(w.path(name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
		if err != nil {
			return err
		}
		return f.Close()
	})
	w.model[name] = &thing{links: 1, perm: 0o640}
	return err
}

func (w *names) mkdir() error {
	name := w.fresh()
	w.model[name] = &thing{kind: fs.ModeDir, perm: 0o750}
	return w.do("mkdir "+name, func() error { return os.Mkdir(w.path(name), 0o750) })
}

func (w *names) symlink() error {
	name := w.fresh()
	w.model[name] = &thing{kind: fs.ModeSymlink, links: 1, text: "to-" + name, perm: 0o777}
	return w.do("symlink "+name, func() error { return os.Symlink("to-"+name, w.path(name)) })
}

func (w *names) mknod() error {
	name := w.fresh()
	w.model[name] = &thing{kind: fs.ModeNamedPipe, links: 1, perm: 0o600}
	return w.do("mkfifo "+name, func() error { return unix.Mkfifo(w.path(name), 0o600) })
}

func (w *names) link() error {
	from, to := w.any(aRegion), w.fresh()
	if from == "" {
		return nil
	}
	t := w.model[from]
	t.links++
	w.model[to] = t
	return w.do("link "+from+" "+to, func() error { return os.Link(w.path(from), w.path(to)) })
}

func (w *names) renameat(from, to string, flags uint) error {
	return w.do(fmt.Sprintf("rename %s %s %d", from, to, flags), func() error {
		return unix.Renameat2(unix.AT_FDCWD, w.path(from), unix.AT_FDCWD, w.path(to), flags)
	})
}

func (w *names) rename() error {
	from, to := w.any(everything), w.fresh()
	if from == "" {
		return nil
	}
	w.model[to] = w.model[from]
	delete(w.model, from)
	return w.renameat(from, to, 0)
}

func (w *names) noReplace() error {
	from, to := w.any(everything), w.fresh()
	if from == "" {
		return nil
	}
	w.model[to] = w.model[from]
	delete(w.model, from)
	return w.renameat(from, to, unix.RENAME_NOREPLACE)
}

// replace renames over another name.
func (w *names) replace() error {
	from, to := w.any(noDirectory), w.any(noDirectory)
	if from == "" || w.model[from] == w.model[to] {
		return nil
	}
	w.model[to].links--
	w.model[to] = w.model[from]
	delete(w.model, from)
	return w.renameat(from, to, 0)
}

func (w *names) exchange() error {
	one, other := w.any(everything), w.any(everything)
	if one == other {
		return nil
	}
	w.model[one], w.model[other] = w.model[other], w.model[one]
	return w.renameat(one, other, unix.RENAME_EXCHANGE)
}

// taken makes what is there already, which must be refused.
func (w *names) taken() error {
	name := w.any(everything)
	if name == "" {
		return nil
	}
	return w.do("make "+name+" again", func() error {
		if err := os.Mkdir(w.path(name), 0o700); !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("answered %v, want EEXIST", err)
		}
		return nil
	})
}

const markName = "user.mark"

func (w *names) mark() error {
	name := w.any(func(t *thing) bool { return t.kind == 0 || t.kind == fs.ModeDir })
	if name == "" {
		return nil
	}
	t := w.model[name]
	err := w.do("setxattr "+name, func() error {
		err := unix.Setxattr(w.path(name), markName, []byte("x"), unix.XATTR_CREATE)
		if t.mark && err == unix.EEXIST {
			return nil
		}
		if t.mark {
			return fmt.Errorf("answered %v, want EEXIST", err)
		}
		return err
	})
	t.mark = true
	return err
}

func (w *names) unmark() error {
	name := w.any(func(t *thing) bool { return t.mark })
	if name == "" {
		return nil
	}
	w.model[name].mark = false
	return w.do("removexattr "+name, func() error { return unix.Removexattr(w.path(name), markName) })
}

func (w *names) resize() error {
	name := w.any(aRegion)
	if name == "" {
		return nil
	}
	size := w.random.Int64N(1 << 20)
	w.model[name].size = size
	return w.do("truncate "+name, func() error { return os.Truncate(w.path(name), size) })
}

func (w *names) chmod() error {
	name := w.any(func(t *thing) bool { return t.kind != fs.ModeSymlink })
	if name == "" {
		return nil
	}
	perm := fs.FileMode(w.random.Uint32()) & 0o777
	w.model[name].perm = perm
	return w.do("chmod "+name, func() error { return os.Chmod(w.path(name), perm) })
}

func (w *names) remove() error {
	name := w.any(everything)
	if name == "" {
		return nil
	}
	w.model[name].links--
	dir := w.model[name].kind == fs.ModeDir
	delete(w.model, name)
	return w.do("remove "+name, func() error {
		if dir {
			return unix.Rmdir(w.path(name))
		}
		return unix.Unlink(w.path(name))
	})
}

// check compares the directory with the model.
func (w *names) check() error {
	var entries []os.DirEntry
	err := w.do("list", func() (err error) {
		entries, err = os.ReadDir(w.dir)
		return err
	})
	if err != nil {
		return err
	}
	if len(entries) != len(w.model) {
		return fmt.Errorf("%d names, want %d: %v", len(entries), len(w.model), entries)
	}
	for name, t := range w.model {
		if err := w.compare(name, t); err != nil {
			return err
		}
	}
	return nil
}

func (w *names) compare(name string, t *thing) error {
	s, err := os.Lstat(w.path(name))
	if err != nil {
		return err
	}
	got := s.Sys().(*syscall.Stat_t)
	switch {
	case s.Mode().Type() != t.kind || s.Mode().Perm() != t.perm:
		return fmt.Errorf("%s has mode %v, want %v", name, s.Mode(), t.kind|t.perm)
	case t.kind != fs.ModeDir && int(got.Nlink) != t.links:
		return fmt.Errorf("%s has %d links, want %d", name, got.Nlink, t.links)
	case t.kind == 0 && s.Size() != t.size:
		return fmt.Errorf("%s has size %d, want %d", name, s.Size(), t.size)
	}
	if t.kind == fs.ModeSymlink {
		if text, err := os.Readlink(w.path(name)); err != nil || text != t.text {
			return fmt.Errorf("%s leads to %q (%v), want %q", name, text, err, t.text)
		}
		return nil
	}
	_, err = unix.Lgetxattr(w.path(name), markName, nil)
	if has := err == nil; has != t.mark && t.kind != fs.ModeNamedPipe {
		return fmt.Errorf("%s has the attribute: %v (%v), want %v", name, has, err, t.mark)
	}
	return nil
}

// close removes everything but regions of one name, which stay to be counted.
func (w *names) close() error {
	for name, t := range w.model {
		if t.kind == 0 && t.links == 1 {
			continue
		}
		t.links--
		if err := os.Remove(w.path(name)); err != nil {
			return err
		}
	}
	return nil
}
