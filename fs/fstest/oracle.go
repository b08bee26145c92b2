package fstest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The oracle applies random calls to the tree under test and to a plain tmpfs, and compares what each answers, and
// the trees at the end.

// Environment variables for longer runs, and to run a sequence again.
const (
	seedVariable      = "SHMFS_FSTEST_SEED"      // the first sequence's; the next ones count up from it
	sequencesVariable = "SHMFS_FSTEST_SEQUENCES" // how many
)

const (
	oracleSequences = 40  // if the environment does not say
	oracleCalls     = 300 // in a sequence
)

// duel is a tree under test and its oracle.
type duel struct {
	lacks        Lacks
	tree, oracle Client
}

// compare runs the sequences.
func (cfg *Config) compare(t *testing.T) {
	oracle, lacks := newOracle(t)
	d := duel{cfg.Lacks.And(lacks), cfg.Root, oracle}
	first := fromEnvironment(t, seedVariable, 1)
	for seed := first; seed < first+fromEnvironment(t, sequencesVariable, oracleSequences) && !t.Failed(); seed++ {
		random := rand.New(rand.NewPCG(seed, 0))
		calls := d.generate(random.IntN, oracleCalls)
		if d.fight(t, calls) {
			t.Fatalf("run it again by %s=%d %s=1", seedVariable, seed, sequencesVariable)
		}
	}
}

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	ok(t, err)
	return n
}

// FuzzTree compares fresh trees with directories on a plain tmpfs, call by call.
func FuzzTree(f *testing.F, lacks Lacks, newTree func() Client) {
	oracle, lacking := newOracle(f)
	lacks = lacks.And(lacking)
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		d := duel{lacks, newTree(), oracle}
		d.fight(t, d.generate(choices(input), len(input)))
	})
}

// choices reads small numbers from bytes, and is nil at their end.
func choices(b []byte) func(n int) int {
	return func(n int) int {
		if len(b) == 0 {
			return 0
		}
		c := int(b[0])
		b = b[1:]
		if n > 256 && len(b) > 0 {
			c = c<<8 | int(b[0])
			b = b[1:]
		}
		return c % n
	}
}

// fight runs calls on both, and reports the first difference, shown by as few calls as can be found.
func (d *duel) fight(t *testing.T, calls []op) (failed bool) {
	t.Helper()
	if d.round(t, calls) == "" {
		return false
	}
	calls = shrink(calls, func(fewer []op) bool { return d.round(t, fewer) != "" })
	difference := d.round(t, calls)
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "\n\t%s", c.text)
	}
	t.Errorf("the tree and tmpfs differ: %s\nafter:%s", difference, b.String())
	return true
}

// shrink drops calls as long as what is left fails: halves first, then less and less.
func shrink(calls []op, fails func([]op) bool) []op {
	for size := len(calls) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(calls); {
			fewer := append(append([]op{}, calls[:from]...), calls[from+size:]...)
			if fails(fewer) {
				calls = fewer
			} else {
				from += size
			}
		}
	}
	return calls
}

// round runs calls on both from an empty directory and no umask, and answers the first difference, "" if there is none.
func (d *duel) round(t *testing.T, calls []op) string {
	t.Helper()
	defer d.tree.Umask(d.tree.Umask(0))
	defer d.oracle.Umask(d.oracle.Umask(0))
	tree, removeTree, err := makeFresh(d.tree)
	ok(t, err)
	defer func() { ok(t, removeTree()) }()
	oracle, removeOracle, err := makeFresh(d.oracle)
	ok(t, err)
	defer func() { ok(t, removeOracle()) }()
	return firstDifference(&world{Client: tree}, &world{Client: oracle}, calls)
}

func firstDifference(tree, oracle *world, calls []op) string {
	defer tree.close()
	defer oracle.close()
	for _, c := range calls {
		if got, want := c.run(tree), c.run(oracle); got != want {
			return fmt.Sprintf("%s\n\ttree:  %s\n\ttmpfs: %s", c.text, got, want)
		}
	}
	return compareTrees(tree, oracle)
}

// compareTrees answers the first difference between two trees.
func compareTrees(tree, oracle Client) string {
	got, want := picture(tree, "."), picture(oracle, ".")
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "at the end the tree lacks " + want[i]
		case i >= len(want):
			return "at the end the tree has " + got[i]
		case got[i] != want[i]:
			return fmt.Sprintf("at the end\n\ttree:  %s\n\ttmpfs: %s", got[i], want[i])
		}
	}
	return ""
}
