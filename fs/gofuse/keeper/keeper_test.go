//go:build linux

package keeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A server under test is this binary again, told by the environment what to do.
const behaviour = "SHMFS_KEEPER_SERVER"

func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		os.Exit(serve(how))
	}
	os.Exit(m.Run())
}

// serve is a server: it counts itself in a file, and behaves as told. Its tether is descriptor 3.
func serve(how string) int {
	count := countStart(os.Getenv("COUNT"))
	orphaned := make(chan int, 1)
	t, err := Attach(3, func() (string, bool) { return "fine", how != "silent" || count > 1 }, func() { orphaned <- 7 })
	if err != nil {
		return 9
	}
	if how == "stillborn" {
		return 1
	}
	ended := make(chan os.Signal, 2)
	if how == "stopped" {
		signal.Notify(ended, syscall.SIGTERM)
	}
	t.Ready(how != "last", "begun")
	switch {
	case how == "dies" && count < 4, how == "last", how == "loops":
		return 1
	case how == "silent" && count == 1:
		return <-orphaned
	case how == "stopped" && count == 1:
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		return <-orphaned
	case how == "stopped":
		select {
		case <-ended:
			return 0
		case code := <-orphaned:
			return code
		}
	case how == "keeps":
		return keeps(t, count, os.Getenv("COUNT")+".fifo")
	case how == "waits":
		return <-orphaned
	case how == "reloads":
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		t.Ready(true, "fine") // once more: now it listens
		<-hup
		t.Reloaded()
		return <-orphaned
	}
	return 0
}

// keeps has a FIFO kept that the first server opens. The second one sees that it is open, and takes it back.
func keeps(t *Tether, count int, fifo string) int {
	if count == 1 {
		unix.Mkfifo(fifo, 0o600)
		fd, err := unix.Open(fifo, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil || t.Keep(fd) != nil {
			return 9
		}
		return 1
	}
	reader, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 9
	}
	isOpen := func() bool { _, err := unix.Read(reader, make([]byte, 1)); return err == unix.EAGAIN }
	if !isOpen() || t.Keep() != nil {
		return 9
	}
	for end := time.Now().Add(patience); isOpen(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return 9
		}
	}
	return 0
}

func countStart(path string) int {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(9)
	}
	defer f.Close()
	f.Write([]byte{'.'})
	s, err := f.Stat()
	if err != nil {
		os.Exit(9)
	}
	return int(s.Size())
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// keep makes a keeper of servers that behave in one way. A socket stands for the connection: with a byte in it, a
// request waits.
func keep(t *testing.T, how string, pending bool) (k *Keeper, starts func() int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[1]) })
	if pending {
		unix.Write(pair[1], []byte{0})
	}
	count := filepath.Join(t.TempDir(), "count")
	k = New(Options{
		Connection: os.NewFile(uintptr(pair[0]), "connection"),
		Command: func(tether *os.File, _ time.Time, _ bool) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), behaviour+"="+how, "COUNT="+count)
			cmd.ExtraFiles = []*os.File{tether}
			return cmd
		},
		Abort: true, Deaths: 3, Soon: time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return k, func() int {
		b, _ := os.ReadFile(count)
		return len(b)
	}
}

func TestAServerThatDiesIsStartedAgain(t *testing.T) {
	k, starts := keep(t, "dies", false)
	k.options.Deaths = 10
	if err := k.Run(); err != nil || starts() != 4 {
		t.Errorf("%v after %d starts, want nil after 4", err, starts())
	}
}

// A signal that came to a server that was stopped, or about to die, is not lost with it.
func TestTheEndIsAskedOfTheNextServerToo(t *testing.T) {
	k, starts := keep(t, "stopped", false)
	signals := make(chan os.Signal, 1)
	k.options.Signals = signals
	go func() {
		time.Sleep(lookTime / 2) // it is ready, and stopped
		signals <- syscall.SIGTERM
	}()
	begun := time.Now()
	if err := k.Run(); err != nil || starts() != 2 {
		t.Errorf("%v after %d starts, want nil after 2", err, starts())
	}
	if took := time.Since(begun); took > startTime {
		t.Errorf("it took %v", took)
	}
}

// One that a server has had for some time is that server's to answer, and is not repeated.
func TestAnOldWishIsNotRepeated(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd}
	old := wish{syscall.SIGTERM, time.Now().Add(-wishTime), true}
	old.pass(s)
	if time.Since(old.passed) < wishTime {
		t.Error("it was passed on once more")
	}
	k := New(Options{})
	s.ready, k.wishes = true, []wish{old}
	k.signal(s, syscall.SIGTERM)
	if err := cmd.Wait(); err == nil || len(k.wishes) != 1 || time.Since(k.wishes[0].passed) > patience {
		t.Errorf("%v, %+v: want the new one only", err, k.wishes)
	}
}

// One that nobody answered for is asked of the next server, however long ago it was: that one may have been stopped.
func TestAWishThatNobodyHeardIsRepeated(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k := New(Options{})
	k.wishes = []wish{{syscall.SIGTERM, time.Now().Add(-time.Hour), false}}
	k.heard(&server{cmd: cmd}, string(rune(wordReady)))
	if err := cmd.Wait(); err == nil || k.wishes[0].decided() || time.Since(k.wishes[0].passed) > patience {
		t.Errorf("%v, %+v: want it to be passed on", err, k.wishes)
	}
	s := &server{asked: k.wishes[0].passed.Add(-time.Second)}
	k.heard(s, string(rune(wordPing)))
	if k.wishes[0].answered {
		t.Error("a server that was asked before it had the wish answered for it")
	}
	s.asked = k.wishes[0].passed.Add(time.Second)
	if k.heard(s, string(rune(wordPing))); !k.wishes[0].answered {
		t.Error("a server that lives did not answer for it")
	}
}

func TestAServerThatNeverWasReadyIsNot(t *testing.T) {
	k, starts := keep(t, "stillborn", false)
	if err := k.Run(); err == nil || starts() != 1 {
		t.Errorf("%v after %d starts, want an error after 1", err, starts())
	}
}

// What a server gave to be kept outlives it, until the next one gives something else.
func TestDescriptorsAreKept(t *testing.T) {
	k, starts := keep(t, "keeps", false)
	if err := k.Run(); err != nil || starts() != 2 {
		t.Errorf("%v after %d starts, want nil after 2", err, starts())
	}
}

func TestTheLastServerIsTheLast(t *testing.T) {
	k, starts := keep(t, "last", false)
	if err := k.Run(); err == nil || starts() != 1 {
		t.Errorf("%v after %d starts, want an error after 1", err, starts())
	}
}

func TestACrashLoopIsAborted(t *testing.T) {
	k, starts := keep(t, "loops", false)
	if err := k.Run(); !errors.Is(err, ErrCrashLoop) || starts() != 3 {
		t.Errorf("%v after %d starts, want ErrCrashLoop after 3", err, starts())
	}
}

func TestASilentServerIsKilled(t *testing.T) {
	k, starts := keep(t, "silent", true)
	begun := time.Now()
	if err := k.Run(); err != nil || starts() != 2 {
		t.Errorf("%v after %d starts, want nil after 2", err, starts())
	}
	if took := time.Since(begun); took < silence || took > startTime {
		t.Errorf("it was killed after %v, want some %v", took, silence)
	}
}

// A tether that ends calls for the end of the server.
func TestAnOrphanIsTold(t *testing.T) {
	ours, theirs, err := tether()
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	fd, err := unix.Dup(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(fd, func() (string, bool) { return "fine", true }, func() { close(told) }); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	ours.Write([]byte{wordPing})
	word := make([]byte, wordSize)
	if n, err := ours.Read(word); err != nil || string(word[:n]) != "pfine" {
		t.Errorf("a ping is answered with %q (%v)", word[:n], err)
	}
	ours.Close()
	select {
	case <-told:
	case <-time.After(patience):
		t.Error("not told within a minute")
	}
}

// A signal that comes before there is a server to take it is passed on when there is.
func TestSignalsWaitForAServer(t *testing.T) {
	k, starts := keep(t, "waits", false)
	k.options.Deaths = 1
	signals := make(chan os.Signal, 1)
	k.options.Signals = signals
	signals <- syscall.SIGTERM
	done := make(chan error, 1)
	go func() { done <- k.Run() }()
	select {
	case err := <-done: // the server has no handler: the signal ends it
		if !errors.Is(err, ErrCrashLoop) || starts() != 1 {
			t.Errorf("%v after %d starts, want the one server to be ended by the signal", err, starts())
		}
	case <-time.After(patience):
		t.Error("the signal was not passed on within a minute")
	}
}

// What a keeper tells, in this order; what comes between does not matter.
func wantEvents(t *testing.T, got chan Event, want ...Event) {
	t.Helper()
	limit := time.After(patience)
	for _, w := range want {
		for found := false; !found; {
			select {
			case e := <-got:
				found = e == w
			case <-limit:
				t.Fatalf("%+v was not told", w)
			}
		}
	}
}

// events has a keeper tell into a channel.
func events(k *Keeper) chan Event {
	all := make(chan Event, 1000)
	k.options.Heard = func(e Event) { all <- e }
	return all
}

func TestWhatIsTold(t *testing.T) {
	k, _ := keep(t, "reloads", false)
	told, signals := events(k), make(chan os.Signal, 1)
	k.options.Signals = signals
	done := make(chan error, 1)
	go func() { done <- k.Run() }()
	wantEvents(t, told, Event{What: Serves, Text: "begun"}, Event{What: Serves, Text: "fine"})
	signals <- syscall.SIGHUP
	wantEvents(t, told, Event{What: Reloading}, Event{What: Reloaded}, Event{What: Answered, Text: "fine"})
	k.options.Leave = func() bool { return true }
	signals <- syscall.SIGTERM
	select {
	case err := <-done:
		if !errors.Is(err, ErrLeft) {
			t.Errorf("%v, want ErrLeft", err)
		}
	case <-time.After(patience):
		t.Error("SIGTERM does not end it")
	}
}

func TestTheLastServerIsToldOf(t *testing.T) {
	k, _ := keep(t, "last", false)
	told := events(k)
	k.Run()
	wantEvents(t, told, Event{What: Serves, Text: "begun", Last: true}, Event{What: Died})
}

// A connection that another keeper held has a next server, even if the first one here comes to nothing; requests that
// are refused meanwhile are told of, and a signal cuts that short.
func TestTheNextKeeper(t *testing.T) {
	k, starts := keep(t, "stillborn", false)
	k.options.Died, k.options.Deaths, k.options.Abort = time.Now(), 2, false
	told, signals := events(k), make(chan os.Signal, 1)
	k.options.Signals = signals
	k.early = 6 // some have died before: it refuses for long
	done := make(chan error, 1)
	go func() { done <- k.Run() }()
	wantEvents(t, told, Event{What: Died}, Event{What: Refuses}, Event{What: Refuses})
	if got := starts(); got != 1 {
		t.Errorf("%d starts while requests are refused, want 1", got)
	}
	k.options.Leave = func() bool { return true }
	signals <- syscall.SIGTERM
	select {
	case err := <-done:
		if !errors.Is(err, ErrLeft) {
			t.Errorf("%v, want ErrLeft", err)
		}
	case <-time.After(patience):
		t.Error("SIGTERM does not end it")
	}
}

func TestRefusal(t *testing.T) {
	request := func(op uint32, size int) []byte {
		b := make([]byte, size)
		binary.NativeEndian.PutUint32(b[4:], op)
		binary.NativeEndian.PutUint64(b[8:], 1<<63|42)
		return b
	}
	for _, op := range []uint32{opForget, opForgetAll, opInterrupt, opRelease, opReleaseDir} {
		if got := refusal(request(op, inHeaderSize)); got != nil {
			t.Errorf("operation %d is answered: %x", op, got)
		}
	}
	got := refusal(request(1, 64))
	want := answer(-int32(unix.EIO), 1<<63|42)
	if !bytes.Equal(got, want) || binary.NativeEndian.Uint32(got) != 16 {
		t.Errorf("got %x, want %x", got, want)
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(make([]byte, inHeaderSize))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, request []byte) {
		got := refusal(request)
		if len(request) < inHeaderSize && got != nil {
			t.Errorf("%d bytes are answered with %x", len(request), got)
		}
		if got != nil && len(got) != 16 {
			t.Errorf("an answer of %s bytes", strconv.Itoa(len(got)))
		}
	})
}
