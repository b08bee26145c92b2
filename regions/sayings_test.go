package regions_test

import (
	"errors"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

// Whatever is written to an attribute, it is refused, or holds and reads as something that is taken again.
func FuzzSayings(f *testing.F) {
	names := []string{regions.LifetimeXattr, regions.PinXattr, regions.ZeroXattr, regions.SessionXattr, regions.OwnerXattr,
		regions.GuardXattr, regions.SealXattr, regions.LabelsXattr}
	for i, text := range []string{"session,ttl=5m", "true", "false", "ttl=1h", "pgid:7@1.5", "process", "true", "run=7,worker=3"} {
		f.Add(uint8(i), text)
	}
	f.Add(uint8(4), "cgroup:/a/b")
	f.Add(uint8(4), "process-group")
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
		all, err := m.Make(regions.RootNode, "all", regions.Spec{Mode: regions.TypeDir | 0o700})
		if err == nil {
			err = m.Setxattr(all.Node, regions.LifetimeXattr, []byte("session"), 0)
		}
		dir, err2 := m.Make(all.Node, "dir", regions.Spec{Mode: regions.TypeDir | 0o700})
		region, err3 := m.Make(dir.Node, "r", regions.Spec{Mode: regions.TypeRegular | 0o600})
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		name := names[int(which)%len(names)]
		for _, n := range []regions.NodeID{dir.Node, region.Node} {
			if err := m.Setxattr(n, name, []byte(text), 0); err != nil {
				var r *regions.Refusal
				if !errors.As(err, &r) || r.Remedy == "" {
					t.Errorf("%s=%q: %v, without a remedy", name, text, err)
				}
				continue
			}
			stored, err := m.Getxattr(n, name)
			if err == nil {
				err = m.Setxattr(n, name, stored, 0)
			}
			if err != nil {
				t.Errorf("%s=%q is kept as %q, which is refused: %v", name, text, stored, err)
			}
		}
		m.LifetimeOf(region.Node)
		m.OwnerOf(region.Node)
		m.Labels(region.Node)
	})
}
