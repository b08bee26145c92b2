package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/shmfs/shmfs/fs/gofuse/fusemount"
)

const testMountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:45 / /mnt/shm rw,nosuid - fuse.shmfs shmfs rw
31 22 0:46 / /mnt/covered rw,nosuid - fuse.shmfs shmfs rw
32 22 0:47 / /mnt/covered rw - tmpfs tmpfs rw
33 22 0:45 /jobs /mnt/my\040jobs rw - fuse.shmfs shmfs rw
34 30 0:48 / /mnt/shm/below rw - tmpfs tmpfs rw
`

// fakeProc is a /proc with processes that hold things, and some that do not.
func fakeProc() fstest.MapFS {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
	p := fstest.MapFS{
		"proc/self/mountinfo": text(testMountinfo),
		"proc/uptime":         text("1 2\n"),
		"proc/10/maps": text("7f00-7f01 rw-s 00000000 00:2d 7 /mnt/shm/frames (deleted)\n" +
			"7f01-7f02 rw-s 00000000 00:2d 7 /mnt/shm/frames (deleted)\n" +
			"7f02-7f03 r-xp 00000000 fe:00 9 /usr/bin/python3\n7f03-7f04 rw-p 00000000 00:00 0 \nnonsense\n"),
		"proc/10/cmdline":  text("python3\x00job.py\x00"),
		"proc/10/status":   text("Name:\tpython3\nUid:\t1000\t0\t0\t0\n"),
		"proc/10/cwd":      link("/root"),
		"proc/10/exe":      link("/usr/bin/python3"),
		"proc/11/comm":     text("sh\n"),
		"proc/11/cwd":      link("/mnt/my jobs/7"),
		"proc/11/root":     link("/"),
		"proc/11/exe":      link("/mnt/shm/tool"),
		"proc/11/fd/3":     link("/mnt/shm/a b"),
		"proc/11/fdinfo/3": text("pos:\t0\nflags:\t0100000\nmnt_id:\t30\nino:\t77\n"),
		"proc/11/fd/4":     link("/mnt/shm/below/else"),
		"proc/11/fdinfo/4": text("pos:\t0\nmnt_id:\t34\nino:\t78\n"),
		"proc/11/fd/5":     link("/mnt/shm/old kernel"),
		"proc/11/fd/6":     link("pipe:[1]"),
		"proc/12/cmdline":  text("idle\x00"),
		"proc/12/cwd":      link("/mnt/shmoo"),
		"proc/13/maps":     text("7f00-7f01 rw-s 00000000 00:2d 8 /in/there/x\n"),
		"proc/13/cmdline":  text("in a container\x00"),
		"proc/13/ns/mnt":   link("mnt:[4026532]"),
	}
	for _, pid := range []string{"10", "11", "12"} {
		p["proc/"+pid+"/mountinfo"] = text(testMountinfo)
		p["proc/"+pid+"/ns/mnt"] = link("mnt:[4026531]")
	}
	p["proc/13/mountinfo"] = text("50 1 0:45 / /in/there rw - fuse.shmfs shmfs rw\n")
	return p
}

func TestHolders(t *testing.T) {
	got, err := newFinder(fakeProc()).holders("/mnt/shm")
	want := []holder{
		{PID: 10, Command: "python3 job.py", UID: 1000, Holds: []hold{{"mapping", "frames", 7}}},
		{PID: 11, Command: "sh", UID: -1, Holds: []hold{
			{"descriptor", "a b", 77}, {"cwd", "jobs/7", 0}, {"descriptor", "old kernel", 0}, {"program", "tool", 0}}},
		{PID: 13, Command: "in a container", UID: -1, Holds: []hold{{"mapping", "x", 8}}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: got\n%+v\nwant\n%+v", err, got, want)
	}
	if _, err := newFinder(fakeProc()).holders("/mnt"); codeOf(err) != exitNotFound {
		t.Errorf("no mount: %v", err)
	}
	if _, err := newFinder(fstest.MapFS{}).holders("/mnt"); err == nil {
		t.Error("without /proc there is an answer")
	}
}

// TestEarlierHolders: a mount that is gone has left mappings, by names within it.
func TestEarlierHolders(t *testing.T) {
	root := fakeProc()
	root["proc/12/maps"] = &fstest.MapFile{Data: []byte("7f00-7f01 rw-s 00000000 00:63 7 /jobs/frames\n" +
		"7f01-7f02 rw-s 00000000 00:63 8 /other\n7f02-7f03 rw-s 00000000 fe:07 9 /jobs/frames\n" +
		"7f03-7f04 rw-s 00000000 00:2d 7 /mnt/shm/jobs/frames\n")}
	all, err := procFinder{root}.earlier([]string{"jobs/frames"})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].PID != 12 || len(all[0].Holds) != 1 || all[0].Holds[0].Path != "jobs/frames" {
		t.Errorf("got %+v, want one mapping of process 12", all)
	}
}

func TestElsewhere(t *testing.T) {
	f := procFinder{fakeProc()}
	device, err := f.device("/mnt/shm")
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.elsewhere(device)
	want := []sighting{{10, "python3 job.py", "/mnt/shm"}, {10, "python3 job.py", "/mnt/my jobs"}, {13, "in a container", "/in/there"}}
	if err != nil || !slices.Equal(all, want) {
		t.Errorf("got %+v, %v; want %+v", all, err, want)
	}
}

func TestPoints(t *testing.T) {
	f := newFinder(fakeProc())
	if got, err := f.points(); err != nil || !reflect.DeepEqual(got, []string{"/mnt/shm"}) {
		t.Errorf("got %v, %v", got, err)
	}
	for path, want := range map[string]string{"/mnt/shm": "/mnt/shm", "/mnt/./shm/": "/mnt/shm", "/mnt/covered": "", "/mnt/shm/x": ""} {
		if got, err := f.point(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestBelow(t *testing.T) {
	got, err := newFinder(fakeProc()).below("/mnt/shm")
	if want := []string{"/mnt/shm/below"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestPointFollowsSymlinks(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(real+"/m", 0o700), os.Symlink(real, real+"/dir"), os.Symlink("m", real+"/link")); err != nil {
		t.Fatal(err)
	}
	f := newFinder(fstest.MapFS{"proc/self/mountinfo": {Data: fmt.Appendf(nil, "30 22 0:45 / %s/m rw - fuse.shmfs shmfs rw\n", real)}})
	for _, path := range []string{real + "/m", real + "/dir/m", real + "/link", real + "/dir/link"} {
		if got, err := f.point(path); err != nil || got != real+"/m" {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("7f1e4c000000-7f1e8c000000 rw-s 00000000 00:2d 1312                       /mnt/shm/fra\\012mes")
	f.Add("7f03-7f04 rw-p 00000000 00:00 0")
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMapping(line); !ok && m != (mapping{}) {
			t.Errorf("%q: refused, and yet %+v", line, m)
		}
	})
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dir, path, want string
		ok              bool
	}{
		{"/", "/a", "a", true}, {"/m", "/m", "", true}, {"/m", "/m/a/b", "a/b", true}, {"/m", "/mm", "", false}, {"/", "pipe:[1]", "pipe:[1]", false},
	} {
		if got, ok := within(c.dir, c.path); ok != c.ok || ok && got != c.want {
			t.Errorf("%s in %s: got %q, %v", c.path, c.dir, got, ok)
		}
	}
	m := fusemount.Entry{Point: "/b", Root: "/jobs"}
	if got, ok := inside(m, "/b/7"); got != "jobs/7" || !ok {
		t.Errorf("a bind mount of a part: got %q, %v", got, ok)
	}
}
