package policy

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

func TestSetRefusesWithTheValuesThatItTakes(t *testing.T) {
	for _, x := range []struct{ key, value, want string }{
		{"size", "", "want a number of bytes"},
		{"size", "0%", "want 1% to 1000% of the memory"},
		{"size", "1001%", "want 1% to 1000% of the memory"},
		{"size", "-5%", "want 1% to 1000% of the memory"},
		{"size", "1.5%", "want 1% to 1000% of the memory"},
		{"inodes", "0", "greater than zero"},
		{"inodes", "12B", "want a number"},
		{"inodes", "1.5K", "want a number"},
		{"huge", "yes", "want never, within_size, advise or always"},
		{"io", "direct", "want auto, passthrough or cached"},
		{"allow_other", "maybe", "want auto, true or false"},
		{"keep", "", "want true or false"},
		{"ephemeral", "1", "want true or false"},
		{"mode", "1888", "octal digits"},
		{"mode", "10000", "octal digits"},
		{"mode", "-1", "octal digits"},
		{"log_level", "INFO", "want debug, info, warn or error"},
		{"log_level", "info+1", "want debug, info, warn or error"},
		{"log_format", "xml", "want text or json"},
		{"colour", "red", `unknown key "colour"`},
		{"log-level", "info", "did you mean log_level?"},
		{"", "x", `unknown key ""`},
	} {
		c := Default()
		err := c.Set(x.key, x.value)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s=%s: got %v, want %q", x.key, x.value, err, x.want)
		}
		if c != Default() {
			t.Errorf("%s=%s was set", x.key, x.value)
		}
	}
}

func TestSetTakesTmpfsNames(t *testing.T) {
	c := Default()
	for key, value := range map[string]string{"nr_inodes": "7", "mpol": "local"} {
		if err := c.Set(key, value); err != nil {
			t.Error(err)
		}
	}
	if c.Inodes != 7 || c.NUMA != "local" {
		t.Errorf("got %+v", c)
	}
}

func TestGet(t *testing.T) {
	c := Default()
	for key, want := range map[string]string{
		"size": "50%", "inodes": "auto", "mode": "1777", "allow_other": "auto", "log_level": "info", "nothing": "",
	} {
		if got := c.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestNUMA(t *testing.T) {
	good := []string{
		"default", "local", "prefer:0", "prefer=static:1023", "bind:0", "bind:0-3,5", "bind=relative:0,2", "interleave",
		"interleave:0-1", "interleave=static:1",
	}
	bad := []string{
		"", "default:0", "local:1", "local=static", "prefer", "prefer:", "prefer:0-1", "prefer:1024", "bind", "bind:",
		"bind:a", "bind:3-1", "bind:1-", "bind:1-x", "bind:0,", "bind=dynamic:0", "interleave:", "interleave=static", "nearest",
	}
	for _, s := range good {
		if err := checkNUMA(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range bad {
		if err := checkNUMA(s); err == nil || !strings.HasPrefix(err.Error(), "numa ") {
			t.Errorf("%q: got %v, want a refusal", s, err)
		}
	}
}

func TestSizeOf(t *testing.T) {
	const ram = 16 << 30
	for text, want := range map[string]int64{
		"8G": 8 << 30, "50%": 8 << 30, "1%": ram / 100, "150%": 24 << 30, "max": regions.Unlimited, "4096": 4096,
	} {
		s, err := ParseSize(text)
		if got := s.Of(ram); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	if got := (Size{Percent: 1000}).Of(regions.Unlimited); got != regions.Unlimited {
		t.Errorf("ten times everything: got %d", got)
	}
	if got := (Size{Percent: 50}).Of(-1); got != 0 {
		t.Errorf("of no memory: got %d", got)
	}
}

func TestSizeIsWrittenShort(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 1: "1", 1000: "1000", 1024: "1K", 1536: "1536", 3 << 29: "1536M", 1 << 50: "1P", 1 << 60: "1024P",
	} {
		if got := (Size{Bytes: n}).String(); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	c = Config{Keep: true, Ephemeral: true, LogLevel: slog.LevelInfo + 1, Mode: 0o17777}
	err := c.Validate()
	if err == nil {
		t.Fatal("nothing is wrong with nonsense")
	}
	for _, want := range []string{
		"size \"0\"", "huge \"\"", "numa \"\"", "io \"\"", "allow_other \"\"", "mode \"17777\"", "log_level \"info+1\"",
		"log_format \"\"", "keep and ephemeral contradict",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in\n%v", want, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	const ram = 4 << 30
	for size, want := range map[string]string{
		"4G": "", "100%": "", "5G": "size 5G is more than the memory of this machine (4.0G)",
		"200%": "size 200% is more than", "max": "size max: nothing keeps",
	} {
		c := Default()
		if err := c.Set("size", size); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.Warnings(ram), "\n")
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", size, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	const ram = 4 << 30
	for _, x := range []struct{ most, size, want string }{
		{"100%", "4G", ""}, {"100%", "100%", ""}, {"90%", "90%", ""}, {"max", "max", ""}, {"max", "900T", ""}, {"8G", "200%", ""},
		{"100%", "4097M", "size 4097M is more than memory_max allows, 100% (4.0G) of the 4.0G of this machine"},
		{"90%", "91%", "size 91% (3.6G) is more than memory_max allows, 90% (3.6G) of"},
		{"100%", "max", "size max is more than"}, {"2G", "50%", ""}, {"2G", "51%", "more than memory_max allows, 2G of the 4.0G"},
	} {
		c := Default()
		if err := errors.Join(c.Set("memory_max", x.most), c.Set("size", x.size)); err != nil {
			t.Fatal(err)
		}
		err := c.Fits(ram)
		var r *regions.Refusal
		if x.want == "" && err != nil || x.want != "" && (!errors.As(err, &r) || !strings.Contains(r.Reason, x.want) || r.Remedy == "") {
			t.Errorf("size %s with memory_max %s: got %v, want %q", x.size, x.most, err, x.want)
		}
	}
}

func TestChoice(t *testing.T) {
	for _, open := range []bool{true, false} {
		if Auto.Or(open) != open || !Yes.Or(open) || No.Or(open) {
			t.Errorf("open %v", open)
		}
	}
}

func TestDiff(t *testing.T) {
	next := Default()
	next.Size, next.LogLevel, next.Mode, next.Keep = Size{Percent: 20}, slog.LevelWarn, 0o700, true
	live, fixed := Diff(Default(), next)
	if want := []string{"size", "keep", "log_level"}; !slices.Equal(live, want) {
		t.Errorf("live: got %v, want %v", live, want)
	}
	if want := []string{"mode"}; !slices.Equal(fixed, want) {
		t.Errorf("fixed: got %v, want %v", fixed, want)
	}
}

func TestSetOptions(t *testing.T) {
	c := Default()
	rest, err := c.SetOptions("rw,size=8G,noatime,mpol=bind:0-1,3,keep,,allow_other,nr_inodes=5,x-a.b=c,")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"rw", "noatime", "x-a.b=c"}; !slices.Equal(rest, want) {
		t.Errorf("rest: got %q, want %q", rest, want)
	}
	want := Default()
	want.Size, want.NUMA, want.Keep, want.AllowOther, want.Inodes = Size{Bytes: 8 << 30}, "bind:0-1,3", true, Yes, 5
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for options, want := range map[string]string{
		"size": "option size wants a value: size=VALUE, one of 512M", "huge=maybe": "huge \"maybe\": want never",
	} {
		if _, err := c.SetOptions(options); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", options, err, want)
		}
	}
}

func FuzzSetOptions(f *testing.F) {
	f.Add("size=8G,mpol=bind:0,1,keep")
	f.Add("rw,,x=,=y,keep=false")
	f.Fuzz(func(t *testing.T, options string) {
		c := Default()
		rest, err := c.SetOptions(options)
		if err != nil {
			return
		}
		// What is left over alone is left over again, and sets nothing.
		untouched := Default()
		again, err := untouched.SetOptions(strings.Join(rest, ","))
		if err != nil || untouched != Default() || strings.Join(again, ",") != strings.Join(rest, ",") {
			t.Errorf("%q leaves %q, then %q, %v", options, rest, again, err)
		}
	})
}
