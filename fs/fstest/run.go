package fstest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

// Config says what to test.
type Config struct {
	// Root is the root of the tree: what is made is made below it, and removed.
	Root Client
	// Lacks is what the tree cannot do.
	Lacks Lacks
}

// check is one case. It gets a client of an empty directory.
type check struct {
	name string
	run  func(*testing.T, Client)
	need []Feature
}

// Run tests the tree.
func Run(t *testing.T, cfg Config) {
	cfg.Lacks = cfg.Lacks.And(lacksOfKernel(t, cfg.Root))
	t.Logf("lacking here: %q", cfg.Lacks.names())
	group := func(name string, checks []check) {
		t.Run(name, func(t *testing.T) { cfg.runAll(t, checks) })
	}
	group("Directories", directoryChecks)
	group("Links", linkChecks)
	group("Rename", renameChecks)
	group("Open", openChecks)
	group("Data", dataChecks)
	group("Extents", extentChecks)
	group("Attributes", attributeChecks)
	group("Xattrs", xattrChecks)
	group("Modes", modeChecks)
	group("Names", nameChecks)
	group("Listing", listingChecks)
	t.Run("Control", cfg.runControl)
	t.Run("Stress/Names", cfg.stress)
	t.Run("Stress/Opens", cfg.stressOpens)
	t.Run("Oracle", cfg.compare)
	cfg.runSystem(t)
}

func (cfg *Config) runAll(t *testing.T, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			cfg.Lacks.Need(t, c.need...)
			c.run(t, cfg.fresh(t))
		})
	}
}

// fresh makes an empty directory, which ends with the test, and takes the umask away for as long.
func (cfg *Config) fresh(t *testing.T) Client {
	t.Helper()
	old := cfg.Root.Umask(0)
	t.Cleanup(func() { cfg.Root.Umask(old) })
	return freshIn(t, cfg.Root)
}

// freshIn makes an empty directory in dir, which ends with the test.
func freshIn(t *testing.T, dir Client) Client {
	t.Helper()
	sub, remove, err := makeFresh(dir)
	ok(t, err)
	t.Cleanup(func() { ok(t, remove()) })
	return sub
}

// makeFresh makes an empty directory in dir; remove removes it, with all that is in it by then.
func makeFresh(dir Client) (sub Client, remove func() error, err error) {
	name := ""
	for i := 0; ; i++ {
		name = fmt.Sprintf("fstest-%d", i)
		if err = dir.Mkdir(name, 0o755); !errors.Is(err, regions.Exists) {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if sub, err = dir.Sub(name); err != nil {
		return nil, nil, err
	}
	return sub, func() error {
		defer closeClient(sub)
		return removeAll(dir, name)
	}, nil
}

// closeClient gives up a client's descriptor, if it has one.
func closeClient(c Client) {
	if closer, ok := c.(interface{ Close() error }); ok {
		closer.Close()
	}
}
