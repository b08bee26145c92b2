//go:build linux

package keeper

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options are a keeper's.
type Options struct {
	// Connection is /dev/fuse, mounted. The keeper owns it.
	Connection *os.File
	// Command makes the command that serves, after a server that died at that time (zero for the first), from the
	// program on disk instead of the one that runs if fresh. tether is to be inherited, and passed to Attach there.
	Command func(tether *os.File, died time.Time, fresh bool) *exec.Cmd
	// Signals are passed on to the server, except Renew.
	Signals <-chan os.Signal
	// Renew replaces the server by the program on disk.
	Renew os.Signal
	// Abort ends the connection in a crash loop, instead of answering with EIO and trying on.
	Abort bool
	// Deaths, each within Soon of its start, are a crash loop. 0 is usual.
	Deaths int
	Soon   time.Duration
	// Died is when the connection lost its last server, if another keeper held it before this one.
	Died time.Time
	// Heard is told what happens; it must not wait. nil for nobody.
	Heard func(Event)
	// Leave answers whether the connection is kept elsewhere too, so that SIGTERM leaves it to the next keeper instead
	// of being passed on. nil for never.
	Leave func() bool
	Log   *slog.Logger
}

const (
	// usualDeaths in a row, each within usualSoon, are a crash loop.
	usualDeaths = 10
	usualSoon   = 2 * time.Second
	// startTime is how long a server may take to be ready: the first one adopts what it finds.
	startTime = 2 * time.Minute
	// refusals last from firstPause on, twice as long each time, lastPause at most.
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// ErrLeft says that the server was ended and the connection left to the next keeper.
var ErrLeft = errors.New("the mount is left to the next keeper")

// ErrCrashLoop says that servers died one after the other.
var ErrCrashLoop = errors.New("the server died again and again: see its log; the connection is given up")

// Keeper keeps one mount served.
type Keeper struct {
	options Options
	early   int    // deaths in a row, each soon after the start
	fresh   bool   // start the program on disk
	leaving bool   // to the next keeper
	wishes  []wish // that the mount may end
	kept    []int  // descriptors that a server gave; of one listen after the other, and of Run at its end
}

// wish is a signal that asks for the end of the mount.
type wish struct {
	signal   os.Signal
	passed   time.Time // to a server; zero for not yet
	answered bool      // that server was asked how it is after that, and answered
}

// wishTime is how long after it was passed on a wish is passed on again, to the next server, in any case: the one that had
// it may have been about to do it.
const wishTime = lookTime + silence + 2*time.Second

// decided answers whether a server has had a wish for some time, and lived: what came of it is that server's.
func (w *wish) decided() bool { return w.answered && time.Since(w.passed) >= wishTime }

// New makes a keeper.
func New(o Options) *Keeper {
	if o.Deaths == 0 {
		o.Deaths = usualDeaths
	}
	if o.Soon == 0 {
		o.Soon = usualSoon
	}
	if o.Heard == nil {
		o.Heard = func(Event) {}
	}
	if o.Leave == nil {
		o.Leave = func() bool { return false }
	}
	return &Keeper{options: o}
}

// Run has the connection served until a server ends of its own will, which is the end of the mount. It returns an error
// if the first server does not become ready, if servers cannot be replaced here, in a crash loop, or ErrLeft.
func (k *Keeper) Run() error {
	defer k.options.Connection.Close()
	defer func() { k.keep(nil) }()
	died := k.options.Died
	for first := died.IsZero(); ; first = false {
		s, err := k.start(died)
		if err == nil {
			err = k.attend(s)
		}
		switch {
		case err == nil:
			return nil
		case k.leaving:
			return ErrLeft
		}
		died = time.Now()
		k.options.Heard(Event{What: Died})
		if first && !s.wasReady() || s != nil && s.last {
			return fmt.Errorf("the server ended: %w", err)
		}
		if k.fresh && !s.wasReady() {
			k.options.Log.Error("the program on disk does not serve; the one that ran before goes on")
			k.fresh = false
		}
		k.options.Log.Error("the server died; the next one takes over", "pid", s.pid(), "how", err.Error())
		if err := k.pause(s, died); err != nil {
			return err
		}
	}
}

// server is one process that serves.
type server struct {
	cmd    *exec.Cmd
	tether *os.File
	begun  time.Time
	asked  time.Time   // when it was last asked how it is
	ended  chan error  // gets how it ended, once
	words  chan string // what it says: a word and its text
	ready  bool
	last   bool // no other can take over
}

func (s *server) wasReady() bool { return s != nil && s.ready }

func (s *server) pid() int {
	if s == nil || s.cmd.Process == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// start starts a server.
func (k *Keeper) start(died time.Time) (*server, error) {
	ours, theirs, err := tether()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	s := &server{tether: ours, begun: time.Now(), ended: make(chan error, 1), words: make(chan string, 1)}
	s.cmd = k.options.Command(theirs, died, k.fresh)
	if s.cmd.SysProcAttr == nil {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	s.cmd.SysProcAttr.Setpgid = true // Ctrl-C comes to the keeper, which passes it on: once
	if err := s.cmd.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	go s.listen(k.keep)
	return s, nil
}

// listen hands on what the server says, and what it wants to have kept, until it is gone.
func (s *server) listen(keep func(descriptors []int)) {
	defer close(s.words)
	buf := make([]byte, wordSize)
	for {
		n, descriptors, err := hear(s.tether, buf)
		switch {
		case n < 1 || err != nil:
			return
		case buf[0] == wordKeep:
			keep(descriptors)
		default:
			s.words <- string(buf[:n])
		}
	}
}

// keep holds descriptors in the place of those of before. Nobody waits until these are closed.
func (k *Keeper) keep(descriptors []int) {
	before := k.kept
	k.kept = descriptors
	go func() {
		for _, fd := range before {
			unix.Close(fd)
		}
	}()
}

// attend is with a server until it ends, and answers how: nil if it was done.
func (k *Keeper) attend(s *server) error {
	defer s.release()
	look := time.NewTicker(lookTime)
	defer look.Stop()
	silent, patience, left, asked := time.NewTimer(silentStep), startTime, startTime, true
	defer silent.Stop()
	words := s.words
	for {
		select {
		case err := <-s.ended:
			for words != nil { // what it said last
				if word, open := <-words; open {
					k.heard(s, word)
				} else {
					words = nil
				}
			}
			return err
		case word, open := <-words:
			if !open {
				words = nil // it ends
				continue
			}
			silent.Stop()
			asked = false
			k.heard(s, word)
		case <-look.C:
			if !asked && say(s.tether, wordPing, "") == nil {
				s.asked = time.Now()
				asked, patience, left = true, silence, silence
				silent.Reset(silentStep)
			}
		case <-silent.C:
			if left -= silentStep; left > 0 {
				silent.Reset(silentStep)
				continue
			}
			k.options.Log.Error("the server does not answer; it is killed", "pid", s.pid(), "after", patience.String())
			s.cmd.Process.Kill()
		case sig := <-k.options.Signals:
			k.signal(s, sig)
		}
	}
}

// release lets go of a server that ended.
func (s *server) release() {
	s.tether.Close()
	for range s.words { // until listen is done
	}
}

// heard acts on what a server says.
func (k *Keeper) heard(s *server, said string) {
	word, text := said[0], said[1:]
	switch word {
	case wordPing:
		for i := range k.wishes {
			w := &k.wishes[i]
			w.answered = w.answered || !w.passed.IsZero() && w.passed.Before(s.asked)
		}
		k.options.Heard(Event{What: Answered, Text: text})
	case wordReloaded:
		k.options.Heard(Event{What: Reloaded})
	case wordReady, wordLast:
		s.ready, s.last = true, word == wordLast
		k.options.Heard(Event{What: Serves, Text: text, Last: s.last})
		for i := range k.wishes {
			k.wishes[i].pass(s)
		}
	}
}

// pass hands a wish on, unless it is decided. The server that got it first may have been dead, or stopped, without anybody
// knowing.
func (w *wish) pass(s *server) {
	if !w.decided() {
		w.passed, w.answered = time.Now(), false
		s.cmd.Process.Signal(w.signal)
	}
}

// signal passes a signal on, as soon as there is a server that expects it.
func (k *Keeper) signal(s *server, sig os.Signal) {
	switch {
	case sig == k.options.Renew:
		if s.ready && !s.last {
			k.fresh = true
			s.cmd.Process.Kill()
		}
	case sig == syscall.SIGTERM && k.options.Leave():
		k.leaving = true
		s.cmd.Process.Kill()
	case sig == syscall.SIGTERM || sig == os.Interrupt:
		k.wishes = slices.DeleteFunc(k.wishes, func(w wish) bool { return w.decided() })
		k.wishes = append(k.wishes, wish{signal: sig})
		if s.ready {
			k.wishes[len(k.wishes)-1].pass(s)
		}
	case s.ready:
		if sig == syscall.SIGHUP {
			k.options.Heard(Event{What: Reloading})
		}
		s.cmd.Process.Signal(sig)
	}
}

// pause waits before the next server is started, if the last ones died at once. Meanwhile requests are refused.
func (k *Keeper) pause(s *server, died time.Time) error {
	if s != nil && died.Sub(s.begun) > k.options.Soon {
		k.early = 0
		return nil
	}
	k.early++
	if k.early < k.options.Deaths {
		return nil
	}
	if k.options.Abort {
		return ErrCrashLoop
	}
	d := min(firstPause<<min(k.early-k.options.Deaths, 10), lastPause)
	k.options.Log.Error("the server died again and again; requests are refused", "for", d.String(),
		"remedy", "see its log; to give the mount up: umount --lazy")
	return refuse(k.options.Connection, d, func() bool {
		k.options.Heard(Event{What: Refuses})
		return len(k.options.Signals) == 0 // the next server, or who attends to it, takes them
	})
}
