package regions_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

func limitsOf(m *regions.Manager, n regions.NodeID) regions.Limits {
	return m.Accounts().Settings(accounts.Node(n)).Limits
}

// What root set only root changes; what a user set is his.
func TestWhoSetALimit(t *testing.T) {
	const user = 1000
	m := regions.NewManager(mem.New(mem.Options{}))
	d := put(t, m, "d", folder).Node
	root := func(value string) error { return m.Setxattr(d, regions.LimitXattr, []byte(value), 0) }
	own := func(value string) error { return m.SetOwnLimit(d, user, []byte(value), 0) }
	by := func() string {
		v, _ := m.Getxattr(d, regions.LimitByXattr)
		return string(v)
	}
	away := func() error { return m.SetOwnLimit(d, user, nil, 0) }
	for _, x := range []struct {
		what  string
		do    func() error
		want  error
		bytes int64
		by    string
	}{
		{"the user's", func() error { return own("2G") }, nil, 2 << 30, "1000"},
		{"a larger one of his", func() error { return own("3G") }, nil, 3 << 30, "1000"},
		{"one that cannot be", func() error { return own("much") }, regions.Invalid, 3 << 30, "1000"},
		{"root's", func() error { return root("1G") }, nil, 1 << 30, ""},
		{"the user's over it", func() error { return own("2G") }, regions.NotPermitted, 1 << 30, ""},
		{"a smaller one", func() error { return own("1M") }, regions.NotPermitted, 1 << 30, ""},
		{"taken away by him", away, regions.NotPermitted, 1 << 30, ""},
		{"taken away by root", func() error { return m.Removexattr(d, regions.LimitXattr) }, nil, 0, ""},
		{"his again", func() error { return own("2G") }, nil, 2 << 30, "1000"},
		{"signed by hand", func() error { return m.Setxattr(d, regions.LimitByXattr, []byte("0"), 0) }, regions.NotPermitted, 2 << 30, "1000"},
		{"there already", func() error { return m.SetOwnLimit(d, user, []byte("1G"), regions.XattrCreate) },
			regions.Exists, 2 << 30, "1000"},
		{"root's, there already", func() error { return m.Setxattr(d, regions.LimitXattr, []byte("1G"), regions.XattrCreate) },
			regions.Exists, 2 << 30, "1000"},
		{"taken away by himself", away, nil, 0, ""},
		{"once more", away, regions.NoData, 0, ""},
	} {
		if err := x.do(); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.what, err, x.want)
		}
		if got := limitsOf(m, d).Bytes; got != x.bytes || by() != x.by {
			t.Errorf("%s: %d bytes by %q, want %d by %q", x.what, got, by(), x.bytes, x.by)
		}
	}
}

// Limits by a pattern hold beside a user's own, whichever came first, and for the next server too.
func TestOwnLimitsBesideAPattern(t *testing.T) {
	m := regions.NewManager(mem.New(mem.Options{}))
	pattern := func(string) regions.Limits { return regions.Limits{Bytes: 1 << 20, Regions: 5} }
	d := put(t, m, "d", folder).Node
	check := func(what string, m *regions.Manager, want regions.Limits) {
		t.Helper()
		if got := limitsOf(m, d); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	set := func(value string) {
		t.Helper()
		if err := m.SetOwnLimit(d, 1000, []byte(value), 0); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
	set("bytes=2M,largest=7")
	m.SetDirectoryDefaults(pattern)
	check("the pattern came later", m, regions.Limits{Bytes: 1 << 20, Regions: 5, Largest: 7})
	set("bytes=3M,regions=2")
	check("the pattern was there", m, regions.Limits{Bytes: 1 << 20, Regions: 2})
	next := regions.NewManager(m.Inner())
	next.SetDirectoryDefaults(pattern)
	must(next.Adopt(context.Background()))
	check("the next server", next, regions.Limits{Bytes: 1 << 20, Regions: 2})
	if err := next.Setxattr(d, regions.LimitXattr, []byte("3M"), 0); err != nil {
		t.Fatal(err)
	}
	check("root's own", next, regions.Limits{Bytes: 3 << 20})
	if err := next.SetOwnLimit(d, 1000, nil, 0); !errors.Is(err, regions.NotPermitted) {
		t.Errorf("taken away: %v", err)
	}
	e := put(t, next, "e", folder).Node
	if err := next.SetOwnLimit(e, 1000, []byte("1M"), 0); err != nil {
		t.Fatal(err)
	}
	if names := must(next.Listxattr(e)); !slices.Equal(names, []string{regions.LimitXattr}) {
		t.Errorf("listed: %q", names)
	}
}
