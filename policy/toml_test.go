package policy

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/shmfs/shmfs/regions"
)

func TestParseSetsEveryKey(t *testing.T) {
	got, err := Parse("x.toml", []byte(`
version = 1
memory_max = "16G"
size = "8G"            # a comment
inodes = 1_000_000
huge = "always"
numa = "bind=static:0-1,3"
io = 'cached'
allow_other = true
keep = true
mode = 0o700
log_level = "debug"
log_format = "json"
ephemeral = false
on_crash_loop = "abort"
writes = "strict"
overcommit = true
user_limit = "2G"
group_limit = "bytes=4G,regions=100"
owner_limit = "max"
cgroup_limit = "/jobs/*:2G"
label_limit = "run=*:1G"
directory_limit = "tenants/*:2G"
zero = true
guard = "process"
labels = "run=env:RUN_ID"
collect_runs = true
history = 7
lifetimes = "jobs/*:owner;grace=2s"
end_early = "ttl; owner"
owners = "jobs/*:process-group"
pressure = "full:100ms/2s"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		MemoryMax: Size{Bytes: 16 << 30}, Size: Size{Bytes: 8 << 30}, Inodes: 1_000_000, Huge: HugeAlways, NUMA: "bind=static:0-1,3", IO: IOCached,
		AllowOther: Yes, Keep: true, Mode: 0o700, LogLevel: slog.LevelDebug, LogFormat: LogJSON,
		OnCrashLoop: CrashLoopAbort, Writes: WritesStrict, Overcommit: true,
		UserLimit: "bytes=2147483648", GroupLimit: "bytes=4294967296;regions=100", OwnerLimit: "max",
		CgroupLimit:    "jobs/*:bytes=2147483648",
		LabelLimit:     "run=*:bytes=1073741824",
		DirectoryLimit: "tenants/*:bytes=2147483648", Zero: true, Guard: regions.GuardProcess, Labels: "run=env:RUN_ID",
		CollectRuns: true, History: 7, Lifetimes: "jobs/*:owner;grace=2s",
		EndEarly: "ttl;owner", Owners: "jobs/*:process-group", Pressure: "full:5%/2s",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseOfNothingIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n# only a comment\n", "version = 1"} {
		got, err := Parse("x", []byte(text))
		if err != nil || got != Default() {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseReportsEveryProblemWhereItIs(t *testing.T) {
	for text, want := range map[string]string{
		"sizee = 1":                        `f:1:1: unknown key "sizee", did you mean size?`,
		"\n  zebra = 1":                    `f:2:3: unknown key "zebra"`,
		"a.b = 1":                          `f:1:1: unknown key "a.b"`,
		"[mount]\nsize = 1\nx = 2":         `f:1:2: unknown table "mount"`,
		"[[limits]]\nsize = 1":             `f:1:3: unknown table "limits"`,
		"version = 2":                      `f:1:1: version "2": this release of shmfs reads version 1`,
		"size = 0":                         `f:1:1: size "0": must be greater than zero`,
		"size = [1]":                       `f:1:1: size "[...]": want a number of bytes such as 512M, 8G or 1.5T, or max`,
		"keep = {a = 1}":                   `f:1:1: keep "{...}": want true or false`,
		"keep = true\nephemeral = true":    `f:1:1: keep and ephemeral contradict each other: an ephemeral arena cannot be kept`,
		"x = 1\nhuge = 'no'\nsize = '-1G'": "f:1:1: unknown key \"x\"\nf:2:1: huge \"no\": want never, within_size, advise or always\nf:3:1: size \"-1G\": must be greater than zero",
		"size = 1\nio = ":                  `f:2:5: `,
		"zzz = 1\nsize = 1\nsize = 2":      "f:1:1: unknown key \"zzz\"\nf:3:",
		"\x00":                             `f:1:1: `,
	} {
		_, err := Parse("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestParseProblemsAreTyped(t *testing.T) {
	_, err := Parse("f", []byte("a = 1\nb = 2"))
	var p Problems
	if !errors.As(err, &p) || len(p) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	if p[1].Line != 2 || p[1].Column != 1 || p[1].File != "f" {
		t.Errorf("got %+v", p[1])
	}
	if got, want := (Problem{File: "f", Message: "m"}).Error(), "f: m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRead(t *testing.T) {
	if c, err := Read("f", strings.NewReader("size = \"1G\"")); err != nil || c.Size.Bytes != 1<<30 {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Read("f", strings.NewReader("size = \"1G\"\nfoo = 1")); err == nil || !strings.HasPrefix(err.Error(), "f:2:1: ") {
		t.Errorf("unknown key: got %v", err)
	}
	if _, err := Read("f", iotest.ErrReader(fs.ErrPermission)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("what cannot be read: got %v", err)
	}
}

// TestReadEnds: what is too large is refused without reading it to its end.
func TestReadEnds(t *testing.T) {
	large := strings.Repeat("\n", MaxBytes+1)
	rest := strings.NewReader(large + large)
	if _, err := Read("f", rest); err == nil || !strings.Contains(err.Error(), "has more than 1048576 bytes") {
		t.Errorf("too large: got %v", err)
	}
	if read := 2*len(large) - rest.Len(); read > MaxBytes+1 {
		t.Errorf("%d bytes were read", read)
	}
	if _, err := Read("f", strings.NewReader(large[1:])); err != nil {
		t.Errorf("%d bytes: %v", MaxBytes, err)
	}
}

// everyValue are configurations that together have every value that a key can have.
func everyValue(t testing.TB) []Config {
	t.Helper()
	all := []Config{Default()}
	for _, k := range Keys() {
		for value := range strings.SplitSeq(k.Values, ", ") {
			c := Default()
			if err := c.Set(k.Name, value); err != nil {
				t.Fatalf("%s takes %q, says its help: %v", k.Name, value, err)
			}
			all = append(all, c)
		}
	}
	return all
}

func TestEncodeIsReadAsTheSame(t *testing.T) {
	for _, c := range everyValue(t) {
		got, err := Parse("f", c.Encode())
		if err != nil || got != c {
			t.Errorf("%s\ngot %+v, %v\nwant %+v", c.Encode(), got, err, c)
		}
	}
}

func TestEncodeIsPleasantToRead(t *testing.T) {
	c := Default()
	c.Size, c.Inodes, c.Keep = Size{Bytes: 8 << 30}, 5000, true
	text := string(c.Encode())
	for _, want := range []string{
		"version = 1\n", "\nsize = \"8G\"\n", "\ninodes = 5000\n", "\nkeep = true\n", "\nallow_other = \"auto\"\n",
		"\nmode = \"1777\"\n", "percentage is of the machine's memory. Can change while mounted.\n# 512M, 8G, 50%, max\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range everyValue(f) {
		f.Add(c.Encode())
	}
	for _, s := range []string{"[a]\nb=1", "a.b.'c'=[1,{x=2}]", "size = \"\\u0031G\"", "keep=1979-05-27", "mode=0x1_0", "a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if line == "" {
					t.Errorf("an empty line in %q", err)
				}
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("Parse takes what Validate refuses: %v", err)
		}
		if again, err := Parse("f", c.Encode()); err != nil || again != c {
			t.Errorf("encoded and read: %+v, %v; want %+v", again, err, c)
		}
	})
}

func FuzzSet(f *testing.F) {
	for _, k := range Keys() {
		for value := range strings.SplitSeq(k.Values, ", ") {
			f.Add(k.Name, value)
		}
	}
	f.Add("inodes", "9223372036854775807")
	f.Fuzz(func(t *testing.T, key, value string) {
		before := Default()
		c := before
		if err := c.Set(key, value); err != nil {
			if c != before {
				t.Errorf("a refused value was set: %+v", c)
			}
			return
		}
		again := before
		if err := again.Set(key, c.Get(key)); err != nil || again != c {
			t.Errorf("%s: set and get %q: %+v, %v; want %+v", key, c.Get(key), again, err, c)
		}
		if size := c.Size.Of(16 << 30); size <= 0 || size > regions.Unlimited {
			t.Errorf("size %d", size)
		}
	})
}

func TestOnlyWhatWasChangedIsWritten(t *testing.T) {
	c := Default()
	if got := string(c.EncodeChanged()); got != "version = 1\n" {
		t.Errorf("the default: %q", got)
	}
	c.Overcommit, c.UserLimit, c.Size = true, "bytes=5;regions=7", Size{Bytes: 1 << 30}
	text := c.EncodeChanged()
	if got, err := Parse("x", text); err != nil || got != c {
		t.Errorf("%s: got %+v, %v, want %+v", text, got, err, c)
	}
}
