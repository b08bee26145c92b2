package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/fs/gofuse/keeper"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
	"github.com/shmfs/shmfs/policy"
)

// renewSignal asks a keeper to replace its server by the program on disk.
const renewSignal = syscall.SIGUSR2

// held is what a keeper holds, as the server that it starts is told: numbers of inherited descriptors.
type held struct {
	Tether     int    `json:"tether"`
	Connection int    `json:"connection"`
	Ledger     int    `json:"ledger"`
	Arena      int    `json:"arena"`           // the root directory of the arena
	Place      int    `json:"place,omitempty"` // the lock of the arena's place; 0 for none
	Ready      int    `json:"ready,omitempty"` // where the first server says that it is ready
	Point      string `json:"point"`
	Found      bool   `json:"found,omitempty"`   // the arena was there before
	Behind     bool   `json:"behind,omitempty"`  // nobody is at a terminal
	Renewed    bool   `json:"renewed,omitempty"` // what is asked for has changed since the last keeper began
	Restarts   uint64 `json:"restarts,omitempty"`
	Keepers    uint64 `json:"keepers,omitempty"`
	Died       int64  `json:"died,omitempty"`    // when the last server died, in ns since 1970; 0 for the first
	Stopped    int64  `json:"stopped,omitempty"` // the same by a clock that nobody sets (CLOCK_MONOTONIC)
	Program    string `json:"program,omitempty"` // on disk
}

// sinceDeath is how long ago the last server died.
func (h held) sinceDeath() time.Duration {
	if h.Stopped == 0 { // the keeper is of an earlier release
		return time.Since(time.Unix(0, h.Died))
	}
	return time.Duration(monotonic() - h.Stopped)
}

// monotonic is the time in ns that all processes of a machine have in common, and that nobody sets.
func monotonic() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail
	return t.Nano()
}

// kept is a keeper's side of a mount.
type kept struct {
	*serving
	connection *os.File
	ledger     *os.File
	arena      *os.File
	ready      *os.File    // for the first server that comes to it
	told       atomic.Bool // it has said that it is ready
	died       time.Time   // when a server of an earlier keeper did; zero for none
	state      state
	stateFile  *os.File // what the next keeper reads of it
}

// hold opens the arena and mounts; it undoes what it did if one of them fails.
func (s *serving) hold(ctx context.Context) error {
	if err := s.openArena(ctx); err != nil {
		return err
	}
	fd, err := s.mount()
	if err != nil {
		return errors.Join(err, s.end())
	}
	s.connection = fd
	return nil
}

// keep has the mount served by other processes until it has ended, or is left to the next keeper.
func (s *serving) keep(_ context.Context, ready func(mounted) error) error {
	k, in, err := s.take()
	if err != nil {
		return errors.Join(err, s.undo())
	}
	defer k.close()
	told := make(chan error, 1)
	go func() { told <- k.tell(in, ready) }()
	err = keeper.New(keeper.Options{
		Connection: k.connection, Command: k.command, Signals: s.signals, Renew: renewSignal,
		Abort: s.options.config.OnCrashLoop == policy.CrashLoopAbort, Deaths: s.options.crashes, Soon: s.options.soon, Log: s.log,
		Died: k.died, Heard: k.heard, Leave: k.leave,
	}).Run()
	k.ready.Close() // tell has read all that was said, or there is nothing to read
	failed := <-told
	if errors.Is(err, keeper.ErrLeft) {
		return k.left()
	}
	k.forget()
	if failed != nil {
		return errors.Join(failed, s.takeAway())
	}
	s.arena, s.served = nil, true // the last server closed it, or it is left for the next mount
	s.place = nil
	return err
}

// take makes a keeper of what was mounted, or of what the last one stored, and answers where its first server is heard.
func (s *serving) take() (k *kept, in *os.File, err error) {
	k = &kept{serving: s}
	if k.program, err = os.Executable(); err != nil {
		return nil, nil, err
	}
	if in, k.ready, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if s.stored != nil {
		k.connection, k.ledger, k.arena, k.stateFile = s.stored.connection, s.stored.ledger, s.stored.arena, s.stored.stateFile
		k.state, k.died = s.stored.state, s.stored.died
		return k, in, nil
	}
	k.state = state{Asked: s.options.point, Point: s.point, Said: string(s.options.config.Encode())}
	if err := k.create(); err != nil {
		return nil, nil, errors.Join(err, in.Close(), k.ready.Close())
	}
	k.connection = os.NewFile(uintptr(s.connection), "/dev/fuse")
	return k, in, nil
}

// undo unmounts what no keeper could be made of. What the service manager stores stays for the next one.
func (s *serving) undo() error {
	if s.stored != nil {
		return nil
	}
	return errors.Join(os.NewSyscallError("close", unix.Close(s.connection)), s.takeAway())
}

// create makes the files of a mount that begins.
func (k *kept) create() error {
	fd, err := ledger.Create()
	if err != nil {
		return err
	}
	k.ledger = os.NewFile(uintptr(fd), "ledger")
	k.arena, err = k.serving.arena.Root()
	if err == nil {
		k.stateFile, err = memoryFile("shmfs-state")
	}
	if err == nil {
		err = k.state.write(k.stateFile)
	}
	if err != nil {
		return errors.Join(err, k.close())
	}
	return nil
}

// close lets go of the files that were made so far.
func (k *kept) close() (err error) {
	for _, f := range []*os.File{k.ledger, k.arena, k.stateFile} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// tell reads what the first server says, and hands it on.
func (k *kept) tell(in *os.File, ready func(mounted) error) error {
	defer in.Close()
	var m message
	if err := json.NewDecoder(in).Decode(&m); err != nil {
		return fmt.Errorf("the server ended before it was ready")
	}
	k.told.Store(true)
	r, err := m.result()
	if err != nil {
		return err
	}
	return ready(r)
}

// command makes the command that serves: this program, or the one that has taken its place on disk.
func (k *kept) command(tether *os.File, died time.Time, fresh bool) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	if fresh {
		cmd = exec.Command(k.program)
	}
	h := held{Point: k.point, Found: k.found, Behind: k.options.behind, Keepers: k.state.Keepers, Program: k.program}
	pass := func(f *os.File) int {
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		return firstExtraFile + len(cmd.ExtraFiles) - 1
	}
	h.Tether, h.Connection, h.Ledger, h.Arena = pass(tether), pass(k.connection), pass(k.ledger), pass(k.arena)
	if k.place != nil {
		h.Place = pass(k.place.lock)
	}
	if !k.told.Load() {
		h.Ready = pass(k.ready)
		h.Renewed = k.stored != nil && k.stored.renewed
	}
	if !died.IsZero() {
		k.state.Restarts++
		h.Died, h.Restarts = died.UnixNano(), k.state.Restarts
		h.Stopped = monotonic() - int64(time.Since(died))
		if err := k.state.write(k.stateFile); err != nil {
			k.log.Error("the next keeper will count wrongly", "reason", err.Error())
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers and strings only
	}
	cmd.Args = append([]string{"shmfs"}, k.options.arguments(heldFlag, string(text))...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// inherited makes a file of an inherited descriptor, which is not inherited further.
func inherited(fd int, name string) *os.File {
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}
