package control

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestStats(t *testing.T) {
	dir := regions.Item{Path: "d", Attr: regions.Attr{Node: regions.MakeNodeID(7, 90), Mode: regions.TypeDir | 0o755, Nlink: 2}}
	link := regions.Item{Path: "l", Attr: regions.Attr{Node: regions.MakeNodeID(7, 91), Mode: regions.TypeSymlink, Nlink: 1}}
	s := newStage(t, dir, node(2, "d/a", 4096), node(3, "b", 100), link)
	s.arena.usage = regions.Usage{Bytes: 1 << 30, BytesUsed: 8192, NodesUsed: 5}
	m := s.tree.Arena()
	m.Opened(regions.MakeNodeID(7, 2), regions.ReadAccess)
	m.Opened(regions.MakeNodeID(7, 2), regions.WriteAccess)
	s.tree.Operations().Observe(fs.OpCreate, 1500*time.Microsecond, regions.NoSpace)
	s.tree.Operations().Observe(fs.OpCreate, 500*time.Microsecond, regions.OK)

	f := s.flat(t, "stats")
	for key, want := range map[string]string{
		"mode": "passthrough", "mode_reason": "Linux 6.18 has it", "server_pid": "42",
		"start_time": started.UTC().Format(time.RFC3339Nano),
		"regions":    "2", "directories": "1", "other_nodes": "1", "region_bytes": "4196", "resident_bytes": "8192",
		"regions_in_use": "1", "open_descriptors": "2", "arena_kind": "fake", "arena_size_bytes": "1073741824",
		"arena_used_bytes": "8192", "arena_nodes": "max", "arena_nodes_used": "5",
		"operations_create_total": "2", "operations_create_seconds_sum": "0.002", "operations_create_max_seconds": "0.0015",
		"operations_unlink_total": "0", "operations_unlink_p99_seconds": "0",
		"memory_pressure_some_avg10": "1.50", "memory_pressure_some_avg60": "2.25", "memory_pressure_full_avg10": "0.25",
		"memory_pressure_full_avg60": "0.00", "errors_ENOSPC_total": "1", "errors_EIO_total": "0",
	} {
		if got := f.Text(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	p50, p99 := f.Seconds("operations_create_p50_seconds"), f.Seconds("operations_create_p99_seconds")
	if p50 < 500*time.Microsecond || p50 > 570*time.Microsecond || p99 != 1500*time.Microsecond {
		t.Errorf("quantiles: got %v and %v", p50, p99)
	}
	if up := f.Seconds("uptime_seconds"); up < time.Hour || up > 2*time.Hour {
		t.Errorf("up for %v", up)
	}
}

func TestStatsHasEveryOperationAndEveryErrno(t *testing.T) {
	f := newStage(t).flat(t, "stats")
	for op := range fs.NumOps {
		for _, part := range []string{"_total", "_seconds_sum", "_p50_seconds", "_p99_seconds", "_max_seconds"} {
			if key := "operations_" + op.String() + part; !f.Has(key) {
				t.Errorf("no %s", key)
			}
		}
	}
	for _, name := range errnoNames[1:] {
		if key := "errors_" + name + "_total"; !f.Has(key) {
			t.Errorf("no %s", key)
		}
	}
}

func TestStatsOfAnArenaThatDoesNotAnswer(t *testing.T) {
	s := newStage(t)
	s.arena.usageErr = regions.IO
	n, _ := s.files.Find("stats")
	if _, err := n.File.Snapshot(t.Context()); !errors.Is(err, regions.IO) {
		t.Errorf("got %v", err)
	}
}

// metricName is the grammar of Prometheus for the names of metrics.
var metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

func TestStatsKeysAreNamesOfMetrics(t *testing.T) {
	for key := range newStage(t).flat(t, "stats").All() {
		if !metricName.MatchString(key) {
			t.Errorf("%q is no name of a metric", key)
		}
	}
}

func TestErrnoNamesAreThoseOfTheCodes(t *testing.T) {
	source, err := os.ReadFile("../regions/code.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile(`(?m)^\t\w+ +// (E[A-Z0-9]+)$`).FindAllStringSubmatch(string(source), -1)
	if got, want := len(documented), int(regions.NumCodes)-1; got != want {
		t.Fatalf("%d codes with an errno in regions/code.go, want %d", got, want)
	}
	for i, match := range documented {
		code := regions.Code(i + 1)
		if got, want := errnoNames[code], match[1]; got != want {
			t.Errorf("%v: got %q, want %q", code, got, want)
		}
		if got := codeOf(errnoNames[code]); got != code {
			t.Errorf("%s is read as %v, want %v", errnoNames[code], got, code)
		}
	}
	if got := codeOf("EWHATEVER"); got != regions.IO {
		t.Errorf("an unknown errno: got %v", got)
	}
}

func TestVersion(t *testing.T) {
	text := newStage(t).read(t, "version")
	if !strings.HasPrefix(text, "version 0.1.0\ncontrol 1\nprotocol FUSE 7.45\ngo go1.") {
		t.Errorf("got\n%s", text)
	}
}

func TestHealth(t *testing.T) {
	loss := regions.Loss{What: "in use", Why: "no CAP_SYS_ADMIN", Remedy: "mount as root"}
	const limits = "gc ok\ngc_failing 0\ngc_unwatched 0\nlosses 0\n"
	for _, x := range []struct {
		name  string
		usage regions.Usage
		err   error
		want  string
	}{
		{"plenty", regions.Usage{Bytes: 1000, BytesUsed: 10, Nodes: 100, NodesUsed: 1}, nil,
			"status ok\narena ok\nbytes ok\nbytes_left 990\nnodes ok\nnodes_left 99\n" + limits},
		{"no limit", regions.Usage{BytesUsed: 10, NodesUsed: 1}, nil,
			"status ok\narena ok\nbytes ok\nbytes_left max\nnodes ok\nnodes_left max\n" + limits},
		{"low", regions.Usage{Bytes: 1000, BytesUsed: 950}, nil,
			"status degraded\narena ok\nbytes degraded\nbytes_left 50\nnodes ok\nnodes_left max\n" + limits},
		{"full", regions.Usage{Bytes: 10, BytesUsed: 10, Nodes: 5, NodesUsed: 6}, nil,
			"status degraded\narena ok\nbytes degraded\nbytes_left 0\nnodes degraded\nnodes_left 0\n" + limits},
		{"dead", regions.Usage{}, errors.New("gone\nfor good"),
			"status failed\narena failed\narena_error gone for good\n"},
	} {
		s := newStage(t)
		s.arena.usage, s.arena.usageErr = x.usage, x.err
		if got := s.read(t, "health"); got != x.want {
			t.Errorf("%s: got\n%swant\n%s", x.name, got, x.want)
		}
	}
	s := newStage(t)
	s.front.Losses, s.arena.losses = []regions.Loss{{What: "passthrough", Why: "Linux 6.1", Remedy: "Linux 6.9"}}, []regions.Loss{loss}
	want := "losses 2\nloss_1 what=passthrough why=\"Linux 6.1\" remedy=\"Linux 6.9\"\n" +
		"loss_2 what=\"in use\" why=\"no CAP_SYS_ADMIN\" remedy=\"mount as root\"\n"
	if got := s.read(t, "health"); !strings.HasPrefix(got, "status ok\n") || !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s", got)
	}
}

func TestSummary(t *testing.T) {
	for _, x := range []struct {
		usage regions.Usage
		err   error
		want  string
		well  bool
	}{
		{regions.Usage{Bytes: 4096, BytesUsed: 1024, Nodes: 100, NodesUsed: 1}, nil, "ok: 1 region, 1.0K used of 4.0K", true},
		{regions.Usage{BytesUsed: 1024}, nil, "ok: 1 region, 1.0K used", true},
		{regions.Usage{Bytes: 1024, BytesUsed: 1024, Nodes: 5, NodesUsed: 5}, nil,
			"degraded: 1 region, 1.0K used of 1.0K; bytes run out; inodes run out", true},
		{regions.Usage{}, errors.New("gone"), "failed: gone", false},
	} {
		s := newStage(t, regions.Item{Path: "r", Attr: regions.Attr{Node: 5, Mode: regions.TypeRegular, Size: 1}})
		s.arena.usage, s.arena.usageErr = x.usage, x.err
		if got, well := Summary(s.tree.Arena()); got != x.want || well != x.well {
			t.Errorf("got %q, %v; want %q, %v", got, well, x.want, x.well)
		}
	}
}
