package main

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/integration/kernels/plan"
)

func TestNewestIsByNumber(t *testing.T) {
	list := "linux-image-6.12.99+deb12-cloud-amd64 - Linux 6.12\n" +
		"linux-image-6.12.117+deb12-cloud-amd64 - Linux 6.12\n" +
		"linux-image-6.12.101+deb12-cloud-amd64 - Linux 6.12\n"
	if got, want := newest(list), "linux-image-6.12.117+deb12-cloud-amd64"; got != want {
		t.Errorf("newest = %q, want %q", got, want)
	}
	if got := newest(""); got != "" {
		t.Errorf("newest of none = %q", got)
	}
}

func TestFollowFindsTheVerdictAmongKernelMessages(t *testing.T) {
	var out bytes.Buffer
	c := console{prefix: "[6.1]", out: &out}
	c.follow(strings.NewReader("one\r\n[    1.0] a message" + plan.Verdict(3, 1) + "\r\n[    2.0] reboot: Power down\r\n"))
	if c.ran != 3 || c.failed != 1 || !c.judged {
		t.Errorf("verdict = %d, %d, %v, want 3, 1, true", c.ran, c.failed, c.judged)
	}
	if !strings.HasPrefix(out.String(), "[6.1] one\n") {
		t.Errorf("what the guest printed is not passed on:\n%s", &out)
	}
}

func TestPassingTestsAreShownWhenAskedFor(t *testing.T) {
	lines := "=== RUN   TestA\r\n--- PASS: TestA (0.00s)\r\n    --- PASS: TestA/sub (0.00s)\r\n--- FAIL: TestB (0.00s)\r\n"
	for verbose, want := range map[bool]int{true: 4, false: 1} {
		var out bytes.Buffer
		c := console{out: &out, verbose: verbose}
		c.follow(strings.NewReader(lines))
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("verbose %v: %d lines, want %d:\n%s", verbose, got, want, &out)
		}
	}
}

func TestWhatFailedIsToldAgain(t *testing.T) {
	c := console{out: &bytes.Buffer{}}
	c.follow(strings.NewReader("=== RUN   TestA\r\n    a_test.go:1: fine\r\n--- PASS: TestA (0.00s)\r\n" +
		"=== RUN   TestB\r\n=== RUN   TestB/part\r\n    b_test.go:2: bad\r\n    --- FAIL: TestB/part (0.00s)\r\n" +
		"--- FAIL: TestB (0.00s)\r\nFAIL\r\n--- FAIL: a/room (1s): exit status 1\r\n"))
	want := []string{"    b_test.go:2: bad", "    --- FAIL: TestB/part (0.00s)", "--- FAIL: TestB (0.00s)", "FAIL",
		"--- FAIL: a/room (1s): exit status 1"}
	if !slices.Equal(c.failures, want) {
		t.Errorf("told again: %q, want %q", c.failures, want)
	}
}

func TestPanicIsNoVerdict(t *testing.T) {
	c := console{out: &bytes.Buffer{}}
	c.follow(strings.NewReader("ok\r\nKernel panic - not syncing\r\n"))
	if c.judged {
		t.Error("a guest that panicked was taken to have judged")
	}
}

// TestArchiveIsNewc reads the archive back by the format's own rules: 110 bytes of header, name and content padded to
// four bytes each, a trailer at the end.
func TestArchiveIsNewc(t *testing.T) {
	var b bytes.Buffer
	a := newArchive(&b)
	for _, err := range []error{
		a.device("dev/console", 5, 1), a.file("a/b/one", modeFile, []byte("x")), a.file("a/b/two", modeProgram, []byte("1234")), a.close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for rest := b.Bytes(); len(rest) > 0; {
		name, content, size := newcEntry(t, rest)
		got = append(got, name+"="+content)
		rest = rest[size:]
	}
	want := "dev= dev/console= a= a/b= a/b/one=x a/b/two=1234 TRAILER!!!="
	if strings.Join(got, " ") != want {
		t.Errorf("archive holds %q, want %q", strings.Join(got, " "), want)
	}
}

func newcEntry(t *testing.T, b []byte) (name, content string, size int) {
	t.Helper()
	field := func(i int) int { // of 13, after the magic
		n, err := strconv.ParseInt(string(b[6+8*i:14+8*i]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	if string(b[:6]) != "070701" {
		t.Fatalf("magic = %q", b[:6])
	}
	round := func(n int) int { return (n + 3) &^ 3 }
	start := round(110 + field(11))
	return string(b[110 : 110+field(11)-1]), string(b[start : start+field(6)]), start + round(field(6))
}

func TestLibrariesAreReadFromLdd(t *testing.T) {
	out := "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1e)\n" +
		"\t/lib64/ld-linux-x86-64.so.2 (0x00007f1f)\n"
	got := strings.Join(libraries(out), " ")
	if want := "/lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2"; got != want {
		t.Errorf("libraries = %q, want %q", got, want)
	}
	if got := libraries("\tnot a dynamic executable\n"); len(got) != 0 {
		t.Errorf("libraries of a static program = %q", got)
	}
}

func TestSkipsAreJoined(t *testing.T) {
	s := suite{skip: "A", skipOn: map[string]string{"6.12": "B"}}
	for series, want := range map[string]string{"6.1": "A", "6.12": "B|A"} {
		if got := s.skipped(series); got != want {
			t.Errorf("skipped on %s = %q, want %q", series, got, want)
		}
	}
	if got, want := (suite{skipOn: s.skipOn}).skipped("6.12"), "B"; got != want {
		t.Errorf("skipped = %q, want %q", got, want)
	}
}
