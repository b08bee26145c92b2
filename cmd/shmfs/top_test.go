package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/shmfs/shmfs/control"
)

const (
	topDirectories = `name=models promised=1073741824 resident=4096 unlinked=0 reserved=0 regions=2 nodes=2 peak_promised=1073741824 peak_regions=2 limit_bytes=2147483648 limit_regions=max rate=1048576 full_in=1024
name="a [red]b" promised=2147483648 resident=0 unlinked=0 reserved=0 regions=1 nodes=1 peak_promised=2147483648 peak_regions=1 limit_bytes=2147483648 limit_regions=max rate=0 full_in=0
name=tmp promised=4096 resident=4096 unlinked=0 reserved=0 regions=30 nodes=31 peak_promised=4096 peak_regions=30 limit_bytes=max limit_regions=max rate=-10 full_in=max
`
	topRegions = `{"path":"models/one","node":"1.2","size":4096,"resident":4096,"uid":4294967294,"opens":2,"last_used":"2030-01-31T11:59:00Z"}
{"path":"models/two","node":"1.3","size":8192,"resident":0,"uid":4294967294,"opens":0,"last_used":"2030-01-31T09:00:00Z"}
`
)

func topMount(t *testing.T) string {
	t.Helper()
	dir := limitedMount(t)
	line := strings.SplitAfter(topDirectories, "\n")[0]
	for name, text := range map[string]string{"usage/directory": topDirectories, "regions.json": topRegions,
		"usage/label":   strings.Replace(line, "name=models", `name="run=7"`, 1),
		"usage/session": strings.Replace(line, "name=models", "name=jobs/42", 1)} {
		if err := os.WriteFile(filepath.Join(dir, ".ctl", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTopOnce(t *testing.T) {
	dir := topMount(t)
	summary := "2.0M of 8.0G promised, 3 regions, 1.0M/s, full in 2h00m (" + dir + ")\n"
	for args, want := range map[string]string{
		"": `PROMISED  RESIDENT  LIMIT  USE   RATE    FULL IN  REGIONS  DIRECTORY
2.0G      0         2.0G   100%  0       full     1        a [red]b
1.0G      4.0K      2.0G   50%   1.0M/s  17m04s   2        models
4.0K      4.0K      max    -     -10/s   -        30       tmp
`,
		"--sort rate --reverse --once": `PROMISED  RESIDENT  LIMIT  USE   RATE    FULL IN  REGIONS  DIRECTORY
4.0K      4.0K      max    -     -10/s   -        30       tmp
2.0G      0         2.0G   100%  0       full     1        a [red]b
1.0G      4.0K      2.0G   50%   1.0M/s  17m04s   2        models
`,
		"--by region": `SIZE  RESIDENT  RATE  OPENS  USED  OWNER       PATH
8.0K  0         0     0      3h    4294967294  models/two
4.0K  4.0K      0     2      1m    4294967294  models/one
`,
	} {
		code, out, stderr := newWorld().run(append(append([]string{"top"}, strings.Fields(args)...), dir)...)
		if code != exitOK || out != summary+want {
			t.Errorf("top %s: code %d, got\n%swant\n%s%s%s", args, code, out, summary, want, stderr)
		}
	}
}

func TestTopJSON(t *testing.T) {
	dir := topMount(t)
	var got struct {
		Mount control.Limit
		By    string
		Rows  []control.Usage
	}
	_, out, stderr := newWorld().run("top", "--json", "--sort", "full", dir)
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Mount.Bytes != 8<<30 || got.By != "directory" ||
		len(got.Rows) != 3 || got.Rows[0].Name != "a [red]b" || got.Rows[1].FullIn != 1024 {
		t.Errorf("%v: %s%s", err, out, stderr)
	}
	_, out, stderr = newWorld().run("top", "--json", "--by", "region", "--sort", "opens", dir)
	var regions struct{ Rows []control.Region }
	if err := json.Unmarshal([]byte(out), &regions); err != nil || len(regions.Rows) != 2 || regions.Rows[0].Path != "models/one" {
		t.Errorf("%v: %s%s", err, out, stderr)
	}
}

func TestTopRefuses(t *testing.T) {
	dir := topMount(t)
	for want, args := range map[string][]string{
		`nothing is told by "colour"`:          {"--by", "colour", dir},
		`user is not sorted by "opens"`:        {"--by", "user", "--sort", "opens", dir},
		`an interval of 1ms`:                   {"--interval", "1ms", dir},
		`unexpected argument`:                  {dir, dir},
		`--sort takes size, resident, rate, o`: {"--by", "region", "--sort", "x", dir},
	} {
		code, _, stderr := newWorld().run(append([]string{"top"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d, %s", args, code, stderr)
		}
	}
	if code, _, _ := newWorld().run("top", t.TempDir()); code != exitNotFound {
		t.Errorf("no mount: code %d", code)
	}
}

// shownTop is top on a screen of 80 columns.
type shownTop struct {
	*topScreen
	tcell.SimulationScreen
	ended <-chan error
}

// text is what stands on the screen.
func (s *shownTop) text() string {
	var b strings.Builder
	s.app.QueueUpdate(func() { s.write(&b) }) // on the goroutine that draws
	return b.String()
}

func (s *shownTop) write(b *strings.Builder) {
	cells, width, _ := s.GetContents()
	for i, c := range cells {
		if len(c.Runes) > 0 {
			b.WriteString(string(c.Runes))
		}
		if (i+1)%width == 0 {
			b.WriteByte('\n')
		}
	}
}

func (s *shownTop) press(key rune) { s.InjectKey(tcell.KeyRune, key, tcell.ModNone) }

// wait waits until the screen shows what is wanted.
func (s *shownTop) wait(t *testing.T, want ...string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		text, missing := s.text(), ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return text
		}
		if time.Now().After(end) {
			t.Fatalf("still waiting for %q on\n%s", missing, text)
		}
	}
}

// showTop begins top.
func showTop(t *testing.T, dir string) *shownTop {
	t.Helper()
	c, err := control.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	screen := tcell.NewSimulationScreen("UTF-8")
	top := newTopScreen(newTopReader(asked{c, ""}, testNow), topView{subject: "directory"}, time.Hour)
	ended := make(chan error, 1)
	go func() { ended <- top.run(t.Context(), screen) }()
	return &shownTop{top, screen, ended}
}

func TestTopScreen(t *testing.T) {
	dir := topMount(t)
	screen := showTop(t, dir)
	text := screen.wait(t, "PROMISED", "DIRECTORY", "models", "full in 2h00m",
		"1 directory  2 user  3 group  4 owner  5 cgroup  6 label  7 session  8 region",
		"1-8 show  s by promised  r reverse  arrows scroll  space read  q quit")
	lines := strings.Split(text, "\n")
	for i, l := range lines[:24] {
		if len([]rune(l)) != 80 {
			t.Errorf("line %d has %d columns: %q", i, len([]rune(l)), l)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(lines[3]), "a [red]b") || !strings.HasSuffix(strings.TrimSpace(lines[4]), "models") {
		t.Errorf("not in order:\n%s", text)
	}
	screen.press('r')
	text = screen.wait(t, "s by promised  r reversed  arrows scroll  space read  q quit")
	if lines := strings.Split(text, "\n"); !strings.HasSuffix(strings.TrimSpace(lines[3]), "tmp") {
		t.Errorf("not turned round:\n%s", text)
	}
	screen.press('s')
	screen.wait(t, "s by resident  r reversed  arrows scroll  space read  q quit")
	for key, want := range map[rune]string{'6': `LABEL|run=7`, '7': `SESSION|jobs/42`, '8': `PATH|models/two`} {
		screen.press(key)
		screen.wait(t, strings.Split(want, "|")...)
	}
	screen.press('2')
	screen.wait(t, "USER", "4294967294")
	screen.press('q')
	if err := <-screen.ended; err != nil {
		t.Error(err)
	}
}

// Ctrl-C ends it, and so does a mount that is gone; a server that fails once is shown, and asked again.
func TestTopScreenEnds(t *testing.T) {
	dir := topMount(t)
	screen := showTop(t, dir)
	screen.wait(t, "models")
	file := filepath.Join(dir, ".ctl/usage/directory")
	if err := os.WriteFile(file, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	screen.press(' ')
	screen.wait(t, "want key=value", "models")
	if err := os.WriteFile(file, []byte(topDirectories), 0o600); err != nil {
		t.Fatal(err)
	}
	screen.press(' ')
	screen.wait(t, "full in 2h00m")
	screen.InjectKey(tcell.KeyCtrlC, 0, tcell.ModNone)
	if err := <-screen.ended; err != nil {
		t.Error(err)
	}

	screen = showTop(t, dir)
	screen.wait(t, "models")
	if err := os.RemoveAll(filepath.Join(dir, ".ctl")); err != nil {
		t.Fatal(err)
	}
	screen.press(' ')
	if err := <-screen.ended; codeOf(err) != exitNotFound {
		t.Errorf("the mount is gone: %v", err)
	}
}
