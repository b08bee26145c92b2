package fstest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/regions"
)

// process is a running agent.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *os.File
	answer *bufio.Reader
}

// answerWithin is how long an agent may take for what does not wait for a lock.
const answerWithin = patience

// startProcess starts this binary again, as an agent that has a file open for reading and writing.
func startProcess(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), agentVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	p := &process{t, cmd, in, out.(*os.File), bufio.NewReader(out)}
	t.Cleanup(p.end)
	p.must("open", path, "rw")
	return p
}

// end lets the agent go; it is killed if it was not yet.
func (p *process) end() {
	p.in.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// tell asks without waiting for the answer.
func (p *process) tell(words ...any) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, words...)
	ok(p.t, err)
}

// hear waits for the answer to what was told; done is false if there is none within that time.
func (p *process) hear(within time.Duration) (answer string, done bool, err error) {
	p.t.Helper()
	ok(p.t, p.out.SetReadDeadline(time.Now().Add(within)))
	line, err := p.answer.ReadString('\n')
	if os.IsTimeout(err) {
		return "", false, nil
	}
	ok(p.t, err)
	word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if word == "ok" {
		return rest, true, nil
	}
	code, err := strconv.Atoi(rest)
	ok(p.t, err)
	return "", true, regions.Code(code)
}

// call asks and waits.
func (p *process) call(words ...any) (string, error) {
	p.t.Helper()
	p.tell(words...)
	answer, done, err := p.hear(answerWithin)
	if !done {
		p.t.Fatalf("no answer to %v within %v", words, answerWithin)
	}
	return answer, err
}

// must asks for what has to succeed.
func (p *process) must(words ...any) string {
	p.t.Helper()
	answer, err := p.call(words...)
	if err != nil {
		p.t.Fatalf("%v: %v", words, err)
	}
	return answer
}

// refused asks for what has to fail.
func (p *process) refused(want regions.Code, words ...any) {
	p.t.Helper()
	if _, err := p.call(words...); err != error(want) {
		p.t.Errorf("%v: got %v, want %v", words, err, want)
	}
}

// waiting asks for what has to wait, and returns when it does.
func (p *process) waiting(words ...any) {
	p.t.Helper()
	p.tell(words...)
	waitFor(p.t, "the agent to ask for its lock", p.asksForLock)
	if answer, done, err := p.hear(100 * time.Millisecond); done {
		p.t.Fatalf("%v did not wait: %q, %v", words, answer, err)
	}
}

// asksForLock answers whether a thread of the agent sleeps in a call for a lock, or has an answer (proc_pid_syscall(5)); where
// that cannot be told, that it does.
func (p *process) asksForLock() bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return true
	}
	refused := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			refused++
			continue
		}
		number, _, _ := strings.Cut(string(b), " ")
		if number == strconv.Itoa(unix.SYS_FCNTL) || number == strconv.Itoa(unix.SYS_FLOCK) {
			return true
		}
	}
	return refused == len(files) || p.hasAnswer()
}

// hasAnswer answers whether the agent has said something that was not heard.
func (p *process) hasAnswer() bool {
	if p.answer.Buffered() > 0 {
		return true
	}
	raw, err := p.out.SyscallConn()
	ok(p.t, err)
	n := 0
	ok(p.t, raw.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	}))
	return n > 0
}

// granted waits for what was waiting.
func (p *process) granted() {
	p.t.Helper()
	if _, done, err := p.hear(answerWithin); !done || err != nil {
		p.t.Fatalf("still waiting: %t, %v", !done, err)
	}
}
