//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	samples := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(samples, q); got != want {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing = %v, want 0", got)
	}
}

// TestRatioIsOfTheSameRound: a machine that is ten times slower in one round changes both figures, not their ratio.
func TestRatioIsOfTheSameRound(t *testing.T) {
	r := newResults([]row{{target: target{against: tmpfs, limit: 2}}})[0]
	for _, slow := range []float64{1, 10, 1} {
		r.add(tmpfs, []float64{100 * slow})
		r.add(shmfs, []float64{200 * slow})
	}
	if got, ok := r.ratio(shmfs, tmpfs); got != 2 || !ok {
		t.Errorf("ratio = %v, %v, want 2", got, ok)
	}
	if met, ok := r.reached(); !met || !ok {
		t.Errorf("reached = %v, %v, want a ratio of 2 to reach at most 2", met, ok)
	}
}

func TestTargetLooksAtTheRightSide(t *testing.T) {
	for _, c := range []struct {
		row   row
		shmfs float64
		want  bool
	}{
		{row{target: target{against: tmpfs, limit: 1.5}}, 149, true},
		{row{target: target{against: tmpfs, limit: 1.5}}, 151, false},
		{row{target: target{against: tmpfs, limit: 1.5, p99: 120}}, 149, false},
		{row{higher: true, target: target{against: tmpfs, limit: 3}}, 301, true},
		{row{higher: true, target: target{against: tmpfs, limit: 3}}, 299, false},
	} {
		r := newResults([]row{c.row})[0]
		r.add(tmpfs, []float64{100})
		r.add(shmfs, []float64{c.shmfs})
		if met, ok := r.reached(); met != c.want || !ok {
			t.Errorf("%+v with %v: reached = %v, %v, want %v", c.row, c.shmfs, met, ok, c.want)
		}
	}
}

func TestSpliceKeepsWhatAPersonWrote(t *testing.T) {
	old := "# Speed\n" + beginMark + "old\n" + endMark + "Reading it.\n"
	got, err := splice(old, "new\n")
	if want := "# Speed\n" + beginMark + "new\n" + endMark + "Reading it.\n"; got != want || err != nil {
		t.Errorf("splice = %q, %v, want %q", got, err, want)
	}
	if _, err := splice("# no marks\n", "new\n"); err == nil {
		t.Error("a file without marks was overwritten")
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{1234: "1234", 12.345: "12.3", 0.1: "0.10"} {
		if got := digits(v); got != want {
			t.Errorf("digits(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int]string{999: "999", 10_000: "10,000", 1_000_000: "1,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRequestsAreCountedFromTheLibrarysLog(t *testing.T) {
	c := &requestCounter{counts: map[string]int{}}
	for _, line := range []string{"rx 12: LOOKUP n1 [\"a\"] 2b", "tx 12:     OK, {n2}", "rx 13: LOOKUP n1 [\"b\"] 2b"} {
		if _, err := c.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.counts["LOOKUP"], 2; got != want || len(c.counts) != 1 {
		t.Errorf("counts = %v, want LOOKUP %d only", c.counts, want)
	}
}

func TestMissingContenderIsADash(t *testing.T) {
	r := newResults([]row{{title: "work", unit: microseconds, target: target{against: tmpfs, limit: 1}}})
	r[0].add(tmpfs, []float64{1500})
	if got, want := table(r), "| work | 1.50 µs | – | – | – | – | ≤ 1 × tmpfs |  |"; !strings.Contains(got, want) {
		t.Errorf("the table lacks %q:\n%s", want, got)
	}
}

func TestTakeoverMustBeBelowBoth(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		worst   float64
		want    bool
	}{
		{[]float64{49, 49, 200}, 250, true},
		{[]float64{49, 49, 260}, 250, false},
		{[]float64{49, 49, 260}, 0, true},
		{[]float64{49, 50, 51}, 250, false},
	} {
		r := takeoverResult{What: longestWait, Regions: 1000, Samples: c.samples, Median: 50, Worst: c.worst}
		if got := r.reached(); got != c.want {
			t.Errorf("%+v: reached = %v, want %v", r, got, c.want)
		}
	}
}

func TestTakeoverIsATable(t *testing.T) {
	got := takeoverTable([]takeoverResult{
		{What: longestWait, Regions: 1000, Samples: []float64{20e6, 30e6, 90e6}, Median: 50e6, Worst: 250e6},
		{What: firstAnswer, Regions: 1_000_000, Samples: []float64{60e6}, Median: 50e6},
		{What: wholeIndex, Regions: 10_000, Samples: []float64{60e6}},
	})
	for _, want := range []string{
		"| longest wait of a busy client | 1,000 | 3 | 30.0 ms | 90.0 ms | median < 50.0 ms, worst < 250 ms | reached |",
		"| first answer | 1,000,000 | 1 | 60.0 ms | 60.0 ms | median < 50.0 ms | **missed** |",
		"| sums of all regions | 10,000 | 1 | 60.0 ms | 60.0 ms |  |  |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

func TestSlotsMayCostFivePercent(t *testing.T) {
	for ratio, want := range map[float64]bool{1.05: true, 1.06: false} {
		if got := (slotsResult{Ratio: ratio}).reached(); got != want {
			t.Errorf("%v times as dear: reached = %v, want %v", ratio, got, want)
		}
	}
}

// TestBusyClientIsTimed: the longest call is found, and the client's errors come out.
func TestBusyClientIsTimed(t *testing.T) {
	dir := t.TempDir()
	b := startBusy(dir)
	if err := b.goesOn(); err != nil {
		t.Fatal(err)
	}
	if b.longest.Load() <= 0 {
		t.Error("no call took any time")
	}
	if err := b.end(); err != nil {
		t.Error(err)
	}
	b = startBusy(dir + "/none")
	if err := b.goesOn(); err == nil {
		t.Error("a client that can do nothing goes on")
	}
	if err := b.end(); err != nil {
		t.Errorf("the error was told already: %v", err)
	}
}

func TestLivesAreATable(t *testing.T) {
	got := livesTable([]livesResult{
		{What: "ends", Samples: []float64{900e6, 1100e6, 950e6}, Limit: 1e9},
		{What: "idle", Samples: []float64{10e6}, Limit: 10e6},
		{What: "times", Samples: []float64{1.04}, Limit: freely, Ratio: true},
		{What: "beside", Samples: []float64{3e6, 2e6, 1e6}},
	})
	for _, want := range []string{
		"| ends | 3 | 950 ms | 1100 ms | median < 1000 ms | reached |",
		"| idle | 1 | 10.0 ms | 10.0 ms | median < 10.0 ms | **missed** |",
		"| times | 1 | 1.04 | 1.04 | median < 1.05 | reached |",
		"| beside | 3 | 2.00 ms | 3.00 ms | for comparison |  |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

// TestProcessorTimeIsRead: it grows while something is done.
func TestProcessorTimeIsRead(t *testing.T) {
	before, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after == before; {
		if after, err = processorTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
}
