package fstest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// agent is another process that a test drives: a line of words is a call, a line back its answer.
type agent struct {
	fd int
	m  []byte
}

// agentCalls are what it can be asked for. Each answers a word, or an error.
var agentCalls = map[string]func(*agent, []string) (string, error){
	"open":  (*agent).open,
	"close": (*agent).close,
	"flock": (*agent).flock,
	"lock":  (*agent).lock,
	"ask":   (*agent).ask,
	"map":   (*agent).mmap,
	"load":  (*agent).load,
	"store": (*agent).store,
}

// runAgent serves until its input ends.
func runAgent() int {
	a := agent{fd: -1}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		answer, err := "", error(regions.NoSys)
		if call := agentCalls[words[0]]; call != nil {
			answer, err = call(&a, words[1:])
		}
		writeAnswer(os.Stdout, answer, err)
	}
	return 0
}

// writeAnswer writes "ok" and a word, or "code" and its number.
func writeAnswer(w io.Writer, answer string, err error) {
	if err == nil {
		fmt.Fprintln(w, "ok", answer)
		return
	}
	code, known := codeOf(err).(regions.Code)
	if !known {
		code = regions.IO
	}
	fmt.Fprintln(w, "code", uint8(code))
}

func (a *agent) open(words []string) (string, error) {
	flags := unix.O_RDWR
	if words[1] == "r" {
		flags = unix.O_RDONLY
	}
	fd, err := unix.Open(words[0], flags|unix.O_CLOEXEC, 0)
	a.fd = fd
	return "", err
}

func (a *agent) close([]string) (string, error) { return "", unix.Close(a.fd) }

// flock takes sh, ex or un, and with a second word does not wait.
func (a *agent) flock(words []string) (string, error) {
	how := map[string]int{"sh": unix.LOCK_SH, "ex": unix.LOCK_EX, "un": unix.LOCK_UN}[words[0]]
	if len(words) > 1 {
		how |= unix.LOCK_NB
	}
	return "", unix.Flock(a.fd, how)
}

// lockCommands by kind of lock: try, wait, ask.
var lockCommands = map[string][3]int{
	"posix": {unix.F_SETLK, unix.F_SETLKW, unix.F_GETLK},
	"ofd":   {unix.F_OFD_SETLK, unix.F_OFD_SETLKW, unix.F_OFD_GETLK},
}

// lockOf reads: type (r, w, u), start, length.
func lockOf(words []string) unix.Flock_t {
	types := map[string]int16{"r": unix.F_RDLCK, "w": unix.F_WRLCK, "u": unix.F_UNLCK}
	start, _ := strconv.ParseInt(words[1], 10, 64)
	length, _ := strconv.ParseInt(words[2], 10, 64)
	return unix.Flock_t{Type: types[words[0]], Whence: unix.SEEK_SET, Start: start, Len: length}
}

// lock takes: kind (posix, ofd), type, start, length, and with a fifth word waits.
func (a *agent) lock(words []string) (string, error) {
	l := lockOf(words[1:])
	command := lockCommands[words[0]][0]
	if len(words) > 4 {
		command = lockCommands[words[0]][1]
	}
	return "", unix.FcntlFlock(uintptr(a.fd), command, &l)
}

// ask answers the holder of a lock that is in the way, 0 if none.
func (a *agent) ask(words []string) (string, error) {
	l := lockOf(words[1:])
	err := unix.FcntlFlock(uintptr(a.fd), lockCommands[words[0]][2], &l)
	if err != nil || l.Type == unix.F_UNLCK {
		return "0", err
	}
	return strconv.Itoa(int(l.Pid)), nil
}

func (a *agent) mmap(words []string) (string, error) {
	length, err := strconv.Atoi(words[0])
	if err != nil {
		return "", err
	}
	a.m, err = unix.Mmap(a.fd, 0, length, readWrite, unix.MAP_SHARED)
	return "", err
}

// load answers n bytes from an offset, as text.
func (a *agent) load(words []string) (string, error) {
	at, n := number(words[0]), number(words[1])
	return strconv.Quote(string(a.m[at : at+n])), nil
}

func (a *agent) store(words []string) (string, error) {
	copy(a.m[number(words[0]):], words[1])
	return "", nil
}

func number(word string) int {
	n, _ := strconv.Atoi(word)
	return n
}
