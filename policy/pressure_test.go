package policy

import (
	"testing"
	"time"
)

func TestPressure(t *testing.T) {
	for text, want := range map[string]struct {
		p    Pressure
		text string
	}{
		"some:10%/2s":      {Pressure{Stall: 200 * time.Millisecond, Window: 2 * time.Second}, "some:10%/2s"},
		"full:150ms/1s":    {Pressure{Full: true, Stall: 150 * time.Millisecond, Window: time.Second}, "full:15%/1s"},
		"some:1us/2s":      {Pressure{Stall: time.Microsecond, Window: 2 * time.Second}, "some:1µs/2s"},
		"some:100%/10s":    {Pressure{Stall: 10 * time.Second, Window: 10 * time.Second}, "some:100%/10s"},
		"some:500ms/500ms": {Pressure{Stall: 500 * time.Millisecond, Window: 500 * time.Millisecond}, "some:100%/500ms"},
	} {
		p, on, err := ParsePressure(text)
		if err != nil || !on || p != want.p || p.String() != want.text {
			t.Errorf("%q: %+v (%v, %v), written %q, want %+v", text, p, on, err, p, want)
		}
	}
	if p, on, err := ParsePressure("off"); on || err != nil {
		t.Errorf("off: %+v, %v", p, err)
	}
	for _, bad := range []string{"", "some", "some:10%", "any:10%/2s", "some:0%/2s", "some:101%/2s", "some:3s/2s", "some:10%/499ms",
		"some:10%/11s", "some:-1ms/2s", "some:10/2s", "some:10%/2", "full:x%/2s", "some:1ns/2s"} {
		if p, _, err := ParsePressure(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
}

func FuzzPressure(f *testing.F) {
	f.Add("some:10%/2s")
	f.Add("full:123457us/1.5s")
	f.Fuzz(func(t *testing.T, s string) {
		p, on, err := ParsePressure(s)
		if err != nil || !on {
			return
		}
		if again, _, err := ParsePressure(p.String()); err != nil || again != p {
			t.Errorf("%q is written as %q, which reads as %+v (%v), want %+v", s, p, again, err, p)
		}
	})
}
