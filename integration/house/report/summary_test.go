package main

import (
	"bytes"
	"strings"
	"testing"
)

func summarize(t *testing.T, events ...string) (*summary, string) {
	t.Helper()
	var out bytes.Buffer
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.Join(events, "\n"))); err != nil {
		t.Fatal(err)
	}
	s.close()
	return s, out.String()
}

func TestSkipIsListedWithItsReason(t *testing.T) {
	_, out := summarize(t,
		`{"Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: needs Linux 6.9:\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"        this is 6.1\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
		`{"Action":"pass","Package":"p","Elapsed":0.1}`)
	for _, want := range []string{
		"p TestA: needs Linux 6.9: this is 6.1\n", "\nok  \tp\t0.1s\n", "\n0 passed, 0 failed, 1 skipped\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}

func TestSkipWithoutReasonSaysSo(t *testing.T) {
	s, _ := summarize(t, `{"Action":"skip","Package":"p","Test":"TestA"}`)
	if got, want := s.skips[0].reason, "no reason given"; got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}
}

func TestFailureShowsOutputAndPassDoesNot(t *testing.T) {
	s, out := summarize(t,
		`{"Action":"output","Package":"p","Test":"TestGood","Output":"quiet\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestGood"}`,
		`{"Action":"output","Package":"p","Test":"TestBad","Output":"loud\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestBad"}`)
	if strings.Contains(out, "quiet") || strings.Count(out, "loud") != 2 {
		t.Errorf("want the failing test's output only, at once and at the end:\n%s", out)
	}
	if s.passed != 1 || s.failed != 1 {
		t.Errorf("passed, failed = %d, %d, want 1, 1", s.passed, s.failed)
	}
}

func TestPanicOutsideATestFails(t *testing.T) {
	s, out := summarize(t,
		`{"Action":"output","Package":"p","Test":"TestHangs","Output":"=== RUN   TestHangs\n"}`,
		`{"Action":"output","Package":"p","Output":"panic: test timed out\n"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t600s\n"}`,
		`{"Action":"fail","Package":"p","Elapsed":600}`)
	if s.failed == 0 {
		t.Error("a package that failed without a failing test counts as passed")
	}
	for _, want := range []string{"=== RUN   TestHangs", "panic: test timed out", "\nFAIL\tp\t600s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}

func TestLinesThatAreNoEventsArePassedOn(t *testing.T) {
	_, out := summarize(t, `go: downloading something`, `{"Action":"build-output","Output":"x.go:1: bad\n"}`)
	for _, want := range []string{"go: downloading something", "x.go:1: bad"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}

// TestExitCode runs the real go test over packages that exist: one passes, the other cannot be found.
func TestExitCode(t *testing.T) {
	var out, errs bytes.Buffer
	if got := run([]string{"-run", "TestSkipWithoutReason", "."}, &out, &errs); got != 0 {
		t.Errorf("exit code of a passing run = %d, want 0:\n%s%s", got, &out, &errs)
	}
	if got := run([]string{"./none-such"}, &out, &errs); got == 0 {
		t.Errorf("exit code of a run over a package that does not exist = 0:\n%s%s", &out, &errs)
	}
}
