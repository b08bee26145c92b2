package regions_test

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// asked counts the questions that reach the arena.
type asked struct {
	regions.Arena
	labels bool
	times  int
}

func (a *asked) Getxattr(n regions.NodeID, name string) ([]byte, error) {
	a.times++
	return a.Arena.Getxattr(n, name)
}

func (a *asked) Properties() regions.Properties {
	p := a.Arena.Properties()
	p.Labels = a.labels
	return p
}

// A new region has no attributes, and the arena is not asked for what it does not have, until somebody sets one.
func TestManagerAnswersForRegionsWithoutAttributes(t *testing.T) {
	arena := &asked{Arena: mem.New(mem.Options{})}
	m := regions.NewManager(arena)
	n := put(t, m, "r", region).Node
	for name, want := range map[string]regions.Code{
		"security.capability": regions.NoData, "user.x": regions.NoData, "user.": regions.Invalid,
		"other.x": regions.NotSupported,
	} {
		if _, err := m.Getxattr(n, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if arena.times != 0 {
		t.Errorf("the arena was asked %d times for what it cannot have", arena.times)
	}
	if _, err := m.Getxattr(n, "system.posix_acl_access"); !errors.Is(err, regions.NoData) || arena.times != 1 {
		t.Errorf("an ACL: %v, asked %d times, want once", err, arena.times)
	}
	if err := m.Setxattr(n, "user.x", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	if v, err := m.Getxattr(n, "user.x"); err != nil || string(v) != "1" {
		t.Errorf("set: %q %v", v, err)
	}
}

// Where a security module labels new files, the arena is always asked.
func TestManagerAsksWhereThereAreLabels(t *testing.T) {
	arena := &asked{Arena: mem.New(mem.Options{}), labels: true}
	m := regions.NewManager(arena)
	n := put(t, m, "r", region).Node
	m.Getxattr(n, "security.selinux")
	if arena.times != 1 {
		t.Errorf("asked %d times, want once", arena.times)
	}
}
