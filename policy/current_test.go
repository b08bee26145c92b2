package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

func TestCurrentAppliesWhatCanChange(t *testing.T) {
	var applied []string
	x := NewCurrent(Default(), func(next Config, changed []string) error {
		for _, key := range changed {
			applied = append(applied, key+"="+next.Get(key))
		}
		return nil
	})
	for _, set := range [][2]string{{"size", "1G"}, {"log_level", "debug"}, {"inodes", "max"}, {"size", "1G"}} {
		if err := x.Set(set[0], set[1]); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"size=1G", "log_level=debug", "inodes=max"}; !slices.Equal(applied, want) {
		t.Errorf("applied %v, want %v", applied, want)
	}
	if got := x.Config(); got.Size.Bytes != 1<<30 || got.Inodes != regions.Unlimited {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(string(x.Encode()), "\nsize = \"1G\"\n") {
		t.Errorf("encoded:\n%s", x.Encode())
	}
}

func TestCurrentRefusesWithAReasonAndARemedy(t *testing.T) {
	x := NewCurrent(Default(), func(Config, []string) error {
		t.Error("a refused change was applied")
		return nil
	})
	for _, c := range []struct{ key, value, reason, remedy string }{
		{"mode", "0700", "mode cannot change while mounted", "mount again; keys that can change while mounted: memory_max, size, inodes"},
		{"mode", "rwx", `mode "rwx": want octal`, "mode takes 1777, 0700"},
		{"nr_inodes", "-1", `inodes "-1"`, "inodes takes auto"},
		{"sizes", "1G", "did you mean size?", "size, inodes, writes, overcommit, user_limit"},
	} {
		err := x.Set(c.key, c.value)
		var r *regions.Refusal
		if !errors.As(err, &r) || !errors.Is(err, regions.Invalid) {
			t.Errorf("%s: got %v, want a refusal as invalid", c.key, err)
			continue
		}
		if !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Remedy, c.remedy) {
			t.Errorf("%s: got reason %q, remedy %q; want %q, %q", c.key, r.Reason, r.Remedy, c.reason, c.remedy)
		}
	}
	if x.Config() != Default() {
		t.Errorf("got %+v", x.Config())
	}
}

func TestCurrentStaysAsItIsWhenApplyRefuses(t *testing.T) {
	full := errors.New("more is in use")
	x := NewCurrent(Default(), func(Config, []string) error { return full })
	if err := x.Set("size", "1G"); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if x.Config() != Default() {
		t.Errorf("got %+v", x.Config())
	}
}

func TestCurrentReplace(t *testing.T) {
	x := NewCurrent(Default(), func(Config, []string) error { return nil })
	next := Default()
	next.Size, next.Huge = Size{Bytes: 1 << 20}, HugeNever
	live, fixed, err := x.Replace(next)
	if err != nil || !slices.Equal(live, []string{"size"}) || !slices.Equal(fixed, []string{"huge"}) {
		t.Errorf("got %v, %v, %v", live, fixed, err)
	}
	if got := x.Config(); got.Size != next.Size || got.Huge != HugeWithinSize {
		t.Errorf("got %+v", got)
	}
	next.Keep, next.Ephemeral = true, true
	var p Problems
	if _, _, err := x.Replace(next); !errors.As(err, &p) {
		t.Errorf("a contradiction: got %v", err)
	}
}
