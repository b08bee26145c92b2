package control

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// stats is `stats`.
func (d *directory) stats(context.Context, url.Values) ([]byte, error) {
	tree := d.sources.Tree()
	use, err := tree.Usage(regions.RootNode)
	if err != nil {
		return nil, err
	}
	physical, err := tree.Arena().Physical()
	if err != nil {
		return nil, err
	}
	var f flat
	d.serverStats(&f)
	arenaStats(&f, tree.Arena(), use, physical)
	careStats(&f, d.sources.Caretaker.Sums())
	if p, ok := tree.Memory().Pressure(); ok {
		pressureStats(&f, &p)
	}
	for op := range fs.NumOps {
		operationStats(&f, op, tree.Operations().Latency(op))
	}
	for code := regions.OK + 1; code < regions.NumCodes; code++ {
		f.uint("errors_"+errnoNames[code]+"_total", tree.Operations().Errors(code))
	}
	return f.b, nil
}

func (d *directory) serverStats(f *flat) {
	front := d.sources.FrontEnd()
	f.text("mode", front.Mode)
	f.text("mode_reason", front.Reason)
	f.int("server_pid", int64(d.sources.PID))
	var k KeeperStats
	if d.sources.Keeper != nil {
		k = d.sources.Keeper()
	}
	f.int("keeper_pid", int64(k.PID))
	f.uint("pid_namespace", d.sources.PIDNamespace)
	f.uint("restarts_total", k.Restarts)
	f.uint("keeper_restarts_total", k.Keepers)
	f.seconds("last_gap_seconds", k.Gap)
	f.text("program", k.Program)
	f.uint("ledger_version", uint64(k.Ledger))
	f.uint("ledger_oldest", uint64(k.Oldest))
	f.time("start_time", d.sources.Started)
	f.seconds("uptime_seconds", time.Since(d.sources.Started))
}

func arenaStats(f *flat, m *regions.Manager, use, physical regions.Usage) {
	sums, promised := m.Totals(), m.Accounts().Mount()
	inUse, opens := m.Held()
	f.int("regions", sums.Regions)
	f.int("directories", sums.Directories)
	f.int("other_nodes", sums.Others)
	f.int("region_bytes", sums.Bytes)
	f.int("promised_bytes", promised.Used.Bytes)
	f.int("reserved_bytes", promised.Kept)
	f.int("unlinked_bytes", promised.Used.Unlinked)
	f.int("copied_bytes", promised.Used.Copies)
	overrun, _ := m.Accounts().Overrun()
	f.int("overrun_bytes", overrun.By)
	f.int("promised_peak_bytes", promised.Peak.Bytes)
	f.uint("resident_bytes", physical.BytesUsed)
	f.int("regions_in_use", int64(inUse))
	f.int("open_descriptors", int64(opens))
	f.text("arena_kind", m.Properties().Kind)
	f.limit("arena_size_bytes", use.Bytes)
	f.uint("arena_used_bytes", physical.BytesUsed)
	f.limit("arena_nodes", use.Nodes)
	f.uint("arena_nodes_used", use.NodesUsed)
}

func careStats(f *flat, s regions.CareSums) {
	f.int("gc_regions", int64(s.Cared))
	f.uint("gc_ended_total", s.Ended)
	f.uint("gc_ended_bytes_total", s.Bytes)
	for _, k := range []regions.LifetimeKind{regions.Owner, regions.LastUser, regions.TTL} {
		f.uint("gc_ended_"+strings.ReplaceAll(k.String(), "-", "_")+"_total", s.Kinds[k.String()])
	}
	f.uint("gc_ended_asked_for_total", s.Kinds[""])
	f.uint("gc_ended_early_total", s.Early)
	f.uint("gc_pressure_total", s.Pressed)
	f.uint("gc_pressure_ended_total", s.Relieved)
	f.uint("gc_pressure_ended_bytes_total", s.RelievedBytes)
	f.seconds("gc_longest_delay_seconds", s.Longest)
	f.uint("gc_held_total", s.Held)
	f.uint("gc_failed_total", s.Failed)
}

// pressureStats are there only where the system tells.
func pressureStats(f *flat, p *fs.Pressure) {
	f.text("memory_pressure_some_avg10", percent(p.Some10))
	f.text("memory_pressure_some_avg60", percent(p.Some60))
	f.text("memory_pressure_full_avg10", percent(p.Full10))
	f.text("memory_pressure_full_avg60", percent(p.Full60))
}

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func operationStats(f *flat, op fs.Op, l fs.Latency) {
	key := "operations_" + op.String()
	f.uint(key+"_total", l.Count)
	f.seconds(key+"_seconds_sum", l.Sum)
	f.seconds(key+"_p50_seconds", l.P50)
	f.seconds(key+"_p99_seconds", l.P99)
	f.seconds(key+"_max_seconds", l.Max)
}
