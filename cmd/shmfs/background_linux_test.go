package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/shmfs/shmfs/policy"
	"github.com/shmfs/shmfs/regions"
)

// pretendServer is what the test binary does when start has run it.
func pretendServer(role string) int {
	out := os.NewFile(firstExtraFile, "ready")
	switch role {
	case "ready":
		fmt.Fprintln(out, `{"mounted":{"mount_point":"/m","mode":"passthrough","size_bytes":5,"server_pid":1}}`)
	case "refuse":
		fmt.Fprintln(out, `{"code":8,"reason":"no FUSE","remedy":"modprobe fuse"}`)
		return 8
	case "die":
		fmt.Fprintln(os.Stderr, "panic: oh")
		return 2
	case "hang":
		select {}
	}
	return 0
}

func TestStart(t *testing.T) {
	for role, want := range map[string]struct {
		code   exitCode
		said   string
		remedy string
	}{
		"ready":  {exitOK, "", ""},
		"refuse": {exitNoFUSE, "no FUSE", "modprobe fuse"},
		"die":    {exitFailed, "the server ended before it was ready: exit status 2", "panic: oh"},
	} {
		t.Setenv("SHMFS_TEST_SERVER", role)
		m, err := linuxMounter{}.start(t.Context(), mountOptions{point: "/m", config: policy.Default()})
		if codeOf(err) != want.code || err != nil && err.Error() != want.said || remedyOf(err) != want.remedy {
			t.Errorf("%s: got %+v, %v, %q; want %+v", role, m, err, remedyOf(err), want)
		}
		if role == "ready" && (m.Size != 5 || m.Point != "/m") {
			t.Errorf("got %+v", m)
		}
	}
	t.Setenv("SHMFS_TEST_SERVER", "hang")
	ctx, cancel := contextOf(t, 50*time.Millisecond)
	defer cancel()
	if _, err := (linuxMounter{}).start(ctx, mountOptions{}); codeOf(err) != exitNoAnswer {
		t.Errorf("a server that hangs: %v", err)
	}
}

func TestMessageBringsTheErrorAcross(t *testing.T) {
	err := &regions.Refusal{Code: regions.NoSpace, Reason: "full", Remedy: "less"}
	_, got := messageOf(err).result()
	if codeOf(got) != exitFailed || got.Error() != err.Error() || remedyOf(got) != "less" {
		t.Errorf("got %v, %q", got, remedyOf(got))
	}
}

func TestGone(t *testing.T) {
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextOf(t, 10*time.Millisecond)
	defer cancel()
	if err := (linuxMounter{}).gone(ctx, p.Pid); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it runs: %v", err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := (linuxMounter{}).gone(t.Context(), p.Pid); err != nil {
		t.Errorf("after it ended: %v", err)
	}
	p.Wait()
	if err := (linuxMounter{}).gone(t.Context(), p.Pid); err != nil {
		t.Errorf("after it was reaped: %v", err)
	}
}
