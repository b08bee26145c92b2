package regions

import (
	"maps"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions/accounts"
)

func TestParseLimits(t *testing.T) {
	old := Limits{Bytes: 7, Regions: 8}
	for text, want := range map[string]Limits{
		"2G":                       {Bytes: 2 << 30, Regions: 8},
		"max":                      {Regions: 8},
		"bytes=2G,regions=100":     {Bytes: 2 << 30, Regions: 100},
		"largest=1M; regions=max":  {Bytes: 7, Largest: 1 << 20},
		"nodes=5\tsoft_bytes=3K":   {Bytes: 7, Regions: 8, Nodes: 5, SoftBytes: 3 << 10},
		"reserve=4096":             {Bytes: 7, Regions: 8, Reserve: 4096},
		"soft_regions=9 reserve=0": {Bytes: 7, Regions: 8, SoftRegions: 9},
		"throttle=90%":             {Bytes: 7, Regions: 8, Throttle: 90},
		"throttle=5,bytes=max":     {Regions: 8, Throttle: 5},
	} {
		got, err := ParseLimits(old, text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":               "want a size such as 2G",
		"much":           `bytes "much"`,
		"bytes=-1":       `bytes "-1"`,
		"bytes=0":        "greater than zero",
		"regions=1.5":    "such as 100",
		"regions=10B":    "such as 100",
		"colour=red":     `"colour" is no limit`,
		"throttle=100%":  "such as 90%",
		"throttle=0":     "such as 90%",
		"throttle=1.5%":  "such as 90%",
		"2G,regions=100": `"2G" is no limit`,
	} {
		if got, err := ParseLimits(old, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzParseLimits(f *testing.F) {
	f.Add("bytes=2G,regions=100,largest=1G")
	f.Add("bytes=2G,throttle=90%")
	f.Add("max")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLimits(Limits{}, text)
		if err != nil {
			return
		}
		if again, err := ParseLimits(Limits{}, FormatLimits(l)); err != nil || again != l {
			t.Errorf("%q is %+v, written as %q, which is %+v, %v", text, l, FormatLimits(l), again, err)
		}
	})
}

func FuzzParseSubjects(f *testing.F) {
	f.Add("user 1000 bytes=2G,regions=5\ngroup 7 regions=1\n\nowner 4711 largest=1M")
	f.Add("cgroup /system.slice regions=5\ncgroup \"/a b\" 2G")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseSubjects(text)
		if err != nil {
			return
		}
		maps.DeleteFunc(all, func(_ accounts.Subject, l Limits) bool { return l == (Limits{}) })
		again, err := parseSubjects(formatSubjects(all))
		if err != nil || !maps.Equal(again, all) {
			t.Errorf("%q: %v, then %v, %v", text, all, again, err)
		}
	})
}

func TestSettingsOfADirectory(t *testing.T) {
	old := accounts.Settings{Writes: accounts.WritesStrict}
	for _, x := range []struct {
		name, value string
		want        accounts.Settings
	}{
		{LimitXattr, "2G", accounts.Settings{Limits: Limits{Bytes: 2 << 30}, Writes: accounts.WritesStrict}},
		{WritesXattr, "fast\n", accounts.Settings{Writes: accounts.WritesFast}},
		{OvercommitXattr, "true", accounts.Settings{Writes: accounts.WritesStrict, Overcommit: accounts.OvercommitOn}},
		{PagesXattr, "now", accounts.Settings{Writes: accounts.WritesStrict, Pages: accounts.PagesNow}},
		{PagesXattr, "later", accounts.Settings{Writes: accounts.WritesStrict, Pages: accounts.PagesLater}},
		{OvercommitXattr, "false", accounts.Settings{Writes: accounts.WritesStrict, Overcommit: accounts.OvercommitOff}},
	} {
		got, err := settings(old, x.name, []byte(x.value))
		if err != nil || got != x.want {
			t.Errorf("%s=%s: got %+v, %v", x.name, x.value, got, err)
		}
		if got, err := settings(x.want, x.name, nil); err != nil || x.name != WritesXattr && got != old {
			t.Errorf("%s taken away: got %+v, %v", x.name, got, err)
		}
	}
	for name, value := range map[string]string{LimitXattr: "", WritesXattr: "slow", OvercommitXattr: "1", PagesXattr: "soon"} {
		if got, err := settings(old, name, []byte(value)); err == nil {
			t.Errorf("%s=%q: got %+v", name, value, got)
		}
	}
}
