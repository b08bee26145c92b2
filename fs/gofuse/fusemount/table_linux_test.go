package fusemount

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseTable(t *testing.T) {
	table, err := ParseTable(strings.NewReader(
		`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
41 22 0:40 /sub /mnt/with\040blank\011tab\134slash rw - fuse.shmfs shm\040fs rw,user_id=0
42 41 0:41 / /mnt/with\040blank\011tab\134slash rw master:3 - tmpfs none rw
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(table), 3; got != want {
		t.Fatalf("%d entries, want %d", got, want)
	}
	if !table[0].Shared || table[1].Shared || table[2].Shared {
		t.Errorf("shared: %v %v %v, want true false false", table[0].Shared, table[1].Shared, table[2].Shared)
	}
	e := table[1]
	if e.Type != Type || e.Source != "shm fs" || e.Root != "/sub" || e.Device() != unix.Mkdev(0, 40) {
		t.Errorf("entry %+v", e)
	}
	top, ok := At(table, "/mnt/with blank\ttab\\slash")
	if !ok || top.ID != 42 {
		t.Errorf("topmost at the place: %+v %v, want id 42", top, ok)
	}
	if _, ok := At(table, "/mnt"); ok {
		t.Error("found a mount where there is none")
	}
}

// A name may have blanks of other kinds, which the kernel does not escape: Unicode's, and a carriage return.
func TestParseTableWithOtherBlanks(t *testing.T) {
	const nel = "\u0085"
	for _, point := range []string{"/mnt/a\u00a0b", "/mnt/a\u2003b", "/mnt/a" + nel, "/mnt/a\rb", "/mnt/a\r", "/mnt/a\v\f"} {
		for _, line := range []string{
			"41 22 0:40 / " + point + " rw - fuse.shmfs shmfs rw\n",
			"41 22 0:40 / " + point + " rw shared:1 - fuse.shmfs shmfs rw\r", // options of a file system may end so
		} {
			table, err := ParseTable(strings.NewReader(line))
			if err != nil {
				t.Errorf("%q: %v", line, err)
				continue
			}
			if e, ok := At(table, point); !ok || e.Type != Type {
				t.Errorf("%q is not found in %+v", point, table)
			}
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("41 22 0:40 / /mnt/a\u00a0b\rc rw shared:2 - fuse.shmfs shm\u2003fs rw\r\n")
	f.Add("41 22 0:40 / /mnt\\040x rw shared:2 - fuse.shmfs shmfs rw\n")
	f.Add("1 2 - ")
	f.Fuzz(func(t *testing.T, s string) {
		table, err := ParseTable(strings.NewReader(s))
		if err == nil && len(table) > strings.Count(s, "\n")+1 {
			t.Errorf("%d entries from %q", len(table), s)
		}
	})
}
