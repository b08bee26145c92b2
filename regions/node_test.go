package regions

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNodeIDHalves(t *testing.T) {
	n := MakeNodeID(0x12345678, 0x9abcdef0)
	if n.Generation() != 0x12345678 || n.Ino() != 0x9abcdef0 || n != 0x123456789abcdef0 {
		t.Errorf("halves %x and %x of %x", n.Generation(), n.Ino(), uint64(n))
	}
	if got := MakeNodeID(0xab, 77).String(); got != "000000ab.77" {
		t.Errorf("written %q", got)
	}
	for n, virtual := range map[NodeID]bool{
		RootNode: false, MakeNodeID(5, 1): false, VirtualNodeID(1): true, VirtualNodeID(1 << 31): true, NoNode: true,
	} {
		if n.Virtual() != virtual {
			t.Errorf("%v is virtual: %t", n, !virtual)
		}
	}
	if VirtualNodeID(7).Generation() != 7 {
		t.Errorf("the 7th virtual node is %v", VirtualNodeID(7))
	}
}

func TestTimestamps(t *testing.T) {
	for _, u := range []time.Time{time.Unix(0, 0), time.Unix(1, 999999999), time.Unix(-5, 3), time.Unix(1<<35, 1)} {
		if got := TimestampOf(u).Time(); !got.Equal(u) {
			t.Errorf("%v becomes %v", u, got)
		}
	}
	order := []Timestamp{{-1, 5}, {0, 0}, {0, 1}, {1, 0}}
	for i, a := range order {
		for j, b := range order {
			if a.Before(b) != (i < j) {
				t.Errorf("%v before %v: %t", a, b, a.Before(b))
			}
		}
	}
}

func TestAttrKinds(t *testing.T) {
	region, dir := Attr{Mode: TypeRegular | 0o644, Blocks: 9}, Attr{Mode: TypeDir | ModeSticky}
	if !region.IsRegion() || region.IsDir() || !dir.IsDir() || dir.IsRegion() || dir.Type() != TypeDir {
		t.Errorf("kinds of %+v and %+v", region, dir)
	}
	if got := region.Resident(); got != 9*512 {
		t.Errorf("9 blocks are %d bytes", got)
	}
}

func TestKilledMode(t *testing.T) {
	for mode, want := range map[uint32]uint32{
		TypeRegular | 0o6755: TypeRegular | 0o755,
		TypeRegular | 0o2745: TypeRegular | 0o2745,
		TypeRegular | 0o4600: TypeRegular | 0o600,
		TypeRegular | 0o1777: TypeRegular | 0o1777,
		TypeDir | 0o6755:     TypeDir | 0o6755,
	} {
		if got := KilledMode(mode); got != want {
			t.Errorf("%o becomes %o, want %o", mode, got, want)
		}
	}
}

// TestCodesAreTold: every code has words of its own.
func TestCodesAreTold(t *testing.T) {
	seen := map[string]Code{}
	for c := range NumCodes {
		text := c.Error()
		if other, again := seen[text]; again || text == "" {
			t.Errorf("codes %d and %d both say %q", c, other, text)
		}
		seen[text] = c
	}
	if got := NumCodes.Error(); !strings.Contains(got, "code") {
		t.Errorf("no code at all says %q", got)
	}
}

func TestRefusal(t *testing.T) {
	system := errors.New("errno 28")
	var err error = &Refusal{Code: NoSpace, Reason: "1G more wanted, 2M free", Err: system}
	if !errors.Is(err, NoSpace) || !errors.Is(err, system) || errors.Is(err, Quota) {
		t.Errorf("%v is not what it wraps", err)
	}
	if got := err.Error(); got != "no space left on device: 1G more wanted, 2M free" {
		t.Errorf("says %q", got)
	}
	var c Code
	if !errors.As(&Refusal{Code: Quota}, &c) || c != Quota {
		t.Errorf("a refusal without a system's error is %v", c)
	}
}

func TestOwnXattr(t *testing.T) {
	for name, own := range map[string]bool{
		OwnXattrs: true, OwnXattrs + ".record": true, OwnUserXattr: true,
		"trusted.shmfsx": false, "user.shmfs": false, "user.shmfs.records": false, "trusted.": false, "": false,
	} {
		if OwnXattr(name) != own {
			t.Errorf("%q is the arena's own: %t", name, !own)
		}
	}
}
