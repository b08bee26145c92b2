//go:build linux

package mounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo terminal of 80 columns, from both ends.
type terminal struct {
	keys, end *os.File
	shown     *lockedBuffer
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals: ", err)
	}
	t.Cleanup(func() { keys.Close() })
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	if err := unix.IoctlSetWinsize(int(end.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	x := &terminal{keys: keys, end: end, shown: &lockedBuffer{}}
	go func() {
		var buffer [4096]byte
		for {
			n, err := keys.Read(buffer[:])
			x.shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	return x
}

func (x *terminal) modes(t *testing.T) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(x.end.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}

// sequence is what a terminal is told beside text, as far as top does (ECMA-48; xterm, ctlseqs): where to go on, a link,
// a character set, and whatever changes no text.
var sequence = regexp.MustCompile("^(?:\x1b\\[([0-9;?]*)([A-Za-z])|\x1b\\][^\x1b]*\x1b\\\\|\x1b\\(.|\x1b[=>])")

// screen is what stands on the terminal, a line a row.
func (x *terminal) screen() string {
	rows := make([][]rune, 24)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", 80))
	}
	row, column := 0, 0
	for text := x.shown.String(); text != ""; {
		if m := sequence.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			if m[2] == "H" {
				row, column = 1, 1
				fmt.Sscanf(m[1], "%d;%d", &row, &column)
				row, column = row-1, column-1
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		if r >= ' ' && row < 24 && column < 80 {
			rows[row][column] = r
			column++
		}
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(string(r) + "\n")
	}
	return b.String()
}

// wait waits until the terminal shows what is wanted.
func (x *terminal) wait(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.screen(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still waiting for %q on\n%s%q", want, x.screen(), x.shown)
		}
	}
}

// run begins the binary on the terminal.
func (x *terminal) run(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.end, x.end, x.end
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

const (
	otherScreen = "\x1b[?1049h" // xterm, ctlseqs: the alternate screen
	ownScreen   = "\x1b[?1049l"
)

// However top is ended, the terminal is as it was.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	m := serve(t, "--size=64M")
	m.mkdir(t, "job")
	m.tell(t, "limits", "directory job bytes=32M")
	if err := growTo(filepath.Join(m.dir, "job/one"), 8<<20); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(x *terminal, cmd *exec.Cmd) error{
		"q":       func(x *terminal, _ *exec.Cmd) error { _, err := x.keys.WriteString("q"); return err },
		"Ctrl-C":  func(x *terminal, _ *exec.Cmd) error { _, err := x.keys.WriteString("\x03"); return err },
		"SIGTERM": func(_ *terminal, cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t)
			before := x.modes(t)
			cmd := x.run(t, "top", m.dir, "--interval", "100ms")
			x.wait(t, "8.0M of 64M promised")
			x.wait(t, "DIRECTORY")
			x.wait(t, "32M")
			if x.modes(t) == before || !strings.Contains(x.shown.String(), otherScreen) {
				t.Error("the terminal was not taken over")
			}
			if _, err := x.keys.WriteString("8"); err != nil {
				t.Fatal(err)
			}
			x.wait(t, "job/one")
			if err := end(x, cmd); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %q", err, x.shown)
			}
			m.waitFor(t, "the own screen", func() bool { return strings.Contains(x.shown.String(), ownScreen) })
			if got := x.modes(t); got != before {
				t.Errorf("modes %+v, want %+v", got, before)
			}
		})
	}
}

// What has a limit and grows is told how long that can go on; a program that reads top gets it once.
func TestTopTellsHowFastItGrows(t *testing.T) {
	m := serve(t, "--size=64M")
	begun := time.Now()
	m.mkdir(t, "job")
	m.tell(t, "limits", "directory job bytes=32M,regions=9")
	if err := growTo(filepath.Join(m.dir, "job/one"), 8<<20); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Mount struct {
			Promised, Rate int64
			FullIn         int64 `json:"full_in"`
		}
		Rows []struct {
			Name   string
			Rate   int64
			FullIn int64 `json:"full_in"`
		}
	}
	r := shmfs(t, "top", "--json", m.dir)
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || len(got.Rows) != 1 {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	// It grew by 8M, in 5 to 20 seconds, or in more on a machine that is slower than that; or that was longer ago.
	job, most := got.Rows[0], 3*max(20, int64(time.Since(begun)/time.Second)+1)
	if job.Rate > 8<<20/5 || job.Rate != 0 && (job.FullIn > most || job.FullIn < 3*5) || got.Mount.Promised != 8<<20 {
		t.Errorf("got %+v", got)
	}
	var out bytes.Buffer
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "top", m.dir, "--by", "region")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "job/one") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A warning comes before a limit is reached that something grows towards: when it has grown for 10 to 20 seconds.
func TestWarningBeforeALimit(t *testing.T) {
	m := serve(t, "--size=64M")
	m.mkdir(t, "job")
	m.tell(t, "limits", "directory job regions=300")
	end := time.Now().Add(3 * time.Minute)
	for n := 0; !strings.Contains(m.stderr.String(), "a limit will be reached soon"); n++ {
		if err := growTo(filepath.Join(m.dir, fmt.Sprint("job/", n)), 0); err != nil && !errors.Is(err, unix.EDQUOT) {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("no warning: %s", m.stderr)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if text := m.stderr.String(); !strings.Contains(text, `subject="the directory job" limit=regions value=300`) {
		t.Error(text)
	}
}
