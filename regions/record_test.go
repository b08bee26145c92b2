package regions

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestRecordKeepsAll(t *testing.T) {
	for _, want := range []Record{
		{ID: 1, Created: time.Unix(0, 0)},
		{ID: math.MaxUint64, Created: time.Unix(1<<33, 999999999), PID: math.MaxUint32, UID: math.MaxUint32, GID: 7},
		{ID: NewID(), Created: time.Unix(-1, 1), PID: 42, UID: 0, GID: math.MaxUint32},
		{ID: 2, Created: time.Unix(5, 0), Uptime: 7, Home: 9<<32 | 8, Cgroup: "/system.slice/a b.service"},
		{ID: 2, Created: time.Unix(5, 0), Cgroup: strings.Repeat("/x", 2048)},
		{ID: 2, Created: time.Unix(1, 1), Beyond: math.MaxInt64},
		{ID: 2, Created: time.Unix(1, 1), Group: math.MaxUint32, Session: 3},
		{ID: 2, Created: time.Unix(1, 1), Cgroup: "/a", Unified: "/a"},
		{ID: 2, Created: time.Unix(1, 1), Cgroup: "/a", Unified: "/", Group: 7, Session: 6, Beyond: 4096, Unasked: 8},
		{ID: 2, Created: time.Unix(1, 1), Unified: strings.Repeat("/x", 2048)},
	} {
		got, err := DecodeRecord(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !got.Created.Equal(want.Created) {
			t.Errorf("created %v, want %v", got.Created, want.Created)
		}
		got.Created = want.Created
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestRecordLayout: what is in the inodes of a running system must be read by the next release.
func TestRecordLayout(t *testing.T) {
	r := Record{ID: 0x1122334455667788, Created: time.Unix(0, 0x0102030405060708), PID: 0xa1a2a3a4, UID: 0xb1b2b3b4, GID: 0xc1c2c3c4,
		Uptime: 0x0807060504030201, Home: 0x1817161514131211, Cgroup: "/job"}
	want := "\x01" + "\x88\x77\x66\x55\x44\x33\x22\x11" + "\x08\x07\x06\x05\x04\x03\x02\x01" +
		"\xa4\xa3\xa2\xa1" + "\xb4\xb3\xb2\xb1" + "\xc4\xc3\xc2\xc1" +
		"\x01\x02\x03\x04\x05\x06\x07\x08" + "\x11\x12\x13\x14\x15\x16\x17\x18" + "\x04\x00/job"
	if got := string(r.Encode()); got != want {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
	r.Beyond = 0x0102030405060708
	want += "\x08\x07\x06\x05\x04\x03\x02\x01"
	if got := string(r.Encode()); got != want {
		t.Errorf("with memory past the size, encoded\n%x, want\n%x", got, want)
	}
	r.Group, r.Session, r.Unified = 0xd1d2d3d4, 0xe1e2e3e4, "/u"
	want += strings.Repeat("\x00", 8) + "\xd4\xd3\xd2\xd1" + "\xe4\xe3\xe2\xe1" + "\x02\x00/u"
	if got := string(r.Encode()); got != want {
		t.Errorf("with groups, encoded\n%x, want\n%x", got, want)
	}
	longer, err := DecodeRecord(append(r.Encode(), "what a later release adds"...))
	if err != nil || longer.GID != r.GID {
		t.Errorf("a longer record: %+v, %v", longer, err)
	}
	for _, size := range []int{29, 37, 45, 46, 47, 50} {
		shorter, err := DecodeRecord([]byte(want[:size]))
		if err != nil || shorter.ID != r.ID || shorter.GID != r.GID || shorter.Cgroup != "" || (shorter.Uptime != 0) != (size >= 37) {
			t.Errorf("%d bytes of it: %+v, %v", size, shorter, err)
		}
	}
}

func TestRecordRefused(t *testing.T) {
	good := Record{ID: 5, Created: time.Unix(1, 1)}.Encode()
	for what, b := range map[string][]byte{
		"nothing":           nil,
		"a byte short":      good[:28],
		"another version":   append([]byte{2}, good[1:]...),
		"no identity":       append([]byte{1}, make([]byte, len(good)-1)...),
		"a text of a human": []byte(strings.Repeat("x", 29)),
	} {
		if r, err := DecodeRecord(b); !errors.Is(err, IO) || r != (Record{}) {
			t.Errorf("%s is read as %+v, %v", what, r, err)
		}
	}
}

func TestRecordOfALaterReleaseIsNotTakenForDamage(t *testing.T) {
	good := Record{ID: 5, Created: time.Unix(1, 1)}.Encode()
	var later *LaterRecordError
	if _, err := DecodeRecord(append([]byte{2}, good[1:]...)); !errors.As(err, &later) || later.Version != 2 {
		t.Errorf("version 2: %v", err)
	}
	if _, err := DecodeRecord(append([]byte{200}, good[1:]...)); errors.As(err, &later) {
		t.Errorf("version 200: %v, want damage", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(Record{ID: 5, Created: time.Unix(1, 1), PID: 3}.Encode())
	f.Add(Record{ID: 5, Created: time.Unix(1, 1), Beyond: 4096}.Encode())
	f.Add(Record{ID: 5, Created: time.Unix(1, 1), Cgroup: "/a", Group: 2, Unified: "/b"}.Encode())
	f.Add([]byte("\x01short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			if !errors.Is(err, IO) {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		if again, err := DecodeRecord(r.Encode()); err != nil || again != r || !bytes.Equal(r.Encode()[:29], b[:29]) {
			t.Fatalf("%x is read as %+v, and written and read again as %+v, %v", b, r, again, err)
		}
	})
}

func TestIDs(t *testing.T) {
	seen := map[ID]bool{}
	for range 1000 {
		id := NewID()
		if id == 0 || seen[id] {
			t.Fatalf("id %v again", id)
		}
		seen[id] = true
		if got, err := ParseID(id.String()); got != id || err != nil {
			t.Fatalf("%v is read as %v, %v", id, got, err)
		}
	}
	if got := ID(0xabc).String(); got != "0000000000000abc" {
		t.Errorf("id is written %q", got)
	}
	for _, bad := range []string{"", "abc", "0000000000000000", "00000000000000001", "+000000000000001", "g000000000000001", "0x00000000000001"} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("%q is read as %v", bad, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0123456789abcdef")
	f.Add("0123456789ABCDEF")
	f.Add("-000000000000001")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if id != 0 || !strings.Contains(err.Error(), "region id") {
				t.Fatalf("%q: %v, %v", s, id, err)
			}
			return
		}
		if id.String() != strings.ToLower(s) {
			t.Fatalf("%q is read as %v", s, id)
		}
	})
}
