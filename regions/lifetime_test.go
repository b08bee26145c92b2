package regions

import (
	"testing"
	"time"
)

func TestParseLifetime(t *testing.T) {
	for s, want := range map[string]Lifetime{
		"manual":                 {},
		"owner":                  {Kind: Owner, Grace: time.Second},
		"owner,grace=0":          {Kind: Owner},
		" last-user,grace=2m\n":  {Kind: LastUser, Grace: 2 * time.Minute},
		"last-user":              {Kind: LastUser, Grace: time.Second},
		"ttl=30m":                {Kind: TTL, TTL: 30 * time.Minute},
		"ttl=2d":                 {Kind: TTL, TTL: 48 * time.Hour},
		"owner,grace=1.5s":       {Kind: Owner, Grace: 1500 * time.Millisecond},
		"owner,grace=1h0m0.001s": {Kind: Owner, Grace: time.Hour + time.Millisecond},
	} {
		got, err := ParseLifetime(s)
		if err != nil || got != want {
			t.Errorf("%q is read as %+v (%v), want %+v", s, got, err, want)
		}
		if again, err := ParseLifetime(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, and read as %+v (%v)", s, got, again, err)
		}
	}
	for _, s := range []string{"", "own", "manual,grace=1s", "ttl", "ttl=", "ttl=0", "ttl=-1s", "ttl=30m,grace=1s", "owner=3",
		"owner,", "owner,grace", "owner,grace=-1s", "owner,grace=x", "owner,ttl=3s", "ttl=99999999h", "ttl=70000d"} {
		if l, err := ParseLifetime(s); err == nil {
			t.Errorf("%q is read as %+v", s, l)
		}
	}
}

func FuzzParseLifetime(f *testing.F) {
	for _, s := range []string{"manual", "owner,grace=5s", "last-user", "ttl=30m", "ttl=2d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLifetime(s)
		if err != nil {
			return
		}
		if again, err := ParseLifetime(l.String()); err != nil || again != l {
			t.Errorf("%q is %+v, written %q, and read as %+v (%v)", s, l, l, again, err)
		}
	})
}
