package fstest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

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
const answerWithin = 10 * time.Second

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

// waiting asks for what has to wait.
func (p *process) waiting(words ...any) {
	p.t.Helper()
	p.tell(words...)
	if answer, done, err := p.hear(100 * time.Millisecond); done {
		p.t.Fatalf("%v did not wait: %q, %v", words, answer, err)
	}
}

// granted waits for what was waiting.
func (p *process) granted() {
	p.t.Helper()
	if _, done, err := p.hear(answerWithin); !done || err != nil {
		p.t.Fatalf("still waiting: %t, %v", !done, err)
	}
}
