package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startTime is how long a server may take to be ready: it adopts what it finds, some 4 µs a region.
const startTime = 2 * time.Minute

// firstExtraFile is the number of the first of exec.Cmd's ExtraFiles in the child.
const firstExtraFile = 3

// message is what a server in the background sends once to who started it: that it is ready, or why it is not.
type message struct {
	Mounted *mounted `json:"mounted,omitempty"`
	Code    exitCode `json:"code,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Remedy  string   `json:"remedy,omitempty"`
}

func messageOf(err error) message {
	return message{Code: codeOf(err), Reason: err.Error(), Remedy: remedyOf(err)}
}

func (m message) result() (mounted, error) {
	if m.Mounted != nil {
		return *m.Mounted, nil
	}
	return mounted{}, &failure{code: m.Code, reason: m.Reason, remedy: m.Remedy}
}

// start runs this program again as the server, in a session of its own, and waits until it is ready. What it writes to
// stderr before goes to a memory file, for the case that it dies without a word.
func (linuxMounter) start(ctx context.Context, o mountOptions) (mounted, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	in, out, err := os.Pipe()
	if err != nil {
		return mounted{}, err
	}
	defer in.Close()
	last, err := memoryFile("stderr")
	if err != nil {
		out.Close()
		return mounted{}, err
	}
	defer last.Close()
	cmd := exec.Command("/proc/self/exe", o.arguments(readyFlag, firstExtraFile)...)
	cmd.Args[0] = "shmfs"
	cmd.ExtraFiles = []*os.File{out}
	cmd.Stderr = last
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	out.Close()
	if err != nil {
		return mounted{}, fmt.Errorf("start the server: %w", err)
	}
	return await(ctx, cmd, in, last)
}

func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// end asks a server to take back what it has mounted and to end; one that does not listen is killed.
func end(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGTERM)
	hurry := time.AfterFunc(claimTime, func() { cmd.Process.Kill() })
	defer hurry.Stop()
	cmd.Wait()
}

// await waits for the server's message. One that is given up is ended.
func await(ctx context.Context, cmd *exec.Cmd, in io.Reader, last io.ReaderAt) (mounted, error) {
	received := make(chan error, 1)
	var m message
	go func() { received <- json.NewDecoder(in).Decode(&m) }()
	select {
	case err := <-received:
		if err != nil {
			return mounted{}, died(cmd.Wait(), last)
		}
		if m.Mounted == nil {
			cmd.Wait() // it has said why; nothing is left when it is gone
		}
		return m.result()
	case <-ctx.Done():
		end(cmd)
		return mounted{}, &failure{code: exitNoAnswer, reason: "gave up waiting for the server", err: context.Cause(ctx),
			remedy: "see what it does: shmfs mount --foreground --log-level debug"}
	}
}

// died tells how a server ended that sent nothing, with the end of what it wrote.
func died(err error, last io.ReaderAt) error {
	const most = 4096 // bytes
	text, _ := io.ReadAll(io.NewSectionReader(last, 0, most))
	how := "without an error"
	if err != nil {
		how = err.Error()
	}
	return &failure{code: exitFailed, reason: "the server ended before it was ready: " + how,
		remedy: strings.TrimSpace(string(text))}
}

// serveBehind serves in the background, and tells who started it when it is ready or why it is not.
func (l linuxMounter) serveBehind(ctx context.Context, sh *shell, o mountOptions) error {
	unix.CloseOnExec(o.readyFD) // fusermount3 must not hold it open
	out := os.NewFile(uintptr(o.readyFD), "ready")
	told := false
	err := l.serve(ctx, sh, o, func(m mounted) error {
		told = true
		return errors.Join(json.NewEncoder(out).Encode(message{Mounted: &m}), out.Close())
	})
	if err != nil && !told {
		json.NewEncoder(out).Encode(messageOf(err)) // if nobody listens any more, nobody is to be told
	}
	return err
}

// leaveTerminal lets go of whatever the process was started with: it keeps the working directory free, and writes
// what the runtime has to say (a panic) to the log file, if there is one.
func leaveTerminal(log *os.File) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if log == nil {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		log = null
	}
	for _, fd := range []int{unix.Stdout, unix.Stderr} {
		if err := unix.Dup3(int(log.Fd()), fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}
