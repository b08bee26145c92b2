package control

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// lay lays the content of control files into a directory, as a mount would show them.
func (s *stage) lay(t testing.TB, names ...string) *Client {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, fs.ControlName), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(s.files.Names(), names...) {
		if found, ok := s.files.Find(name); ok && found.Dir != nil {
			s.layDir(t, filepath.Join(root, fs.ControlName, name), found.Dir)
			continue
		}
		if err := os.WriteFile(filepath.Join(root, fs.ControlName, name), []byte(s.read(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Client{root}
}

func (s *stage) layDir(t testing.TB, path string, dir fs.VirtualDir) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range dir.Names() {
		found, _ := dir.Find(name)
		text, err := found.File.Snapshot(t.Context())
		if err == nil {
			err = os.WriteFile(filepath.Join(path, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestClientReads(t *testing.T) {
	s := newStage(t, node(2, "models/a", 1), node(3, "x", 1))
	s.tree.Refusals().Add(refusal)
	c, err := Open(s.lay(t).Mountpoint)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Version(); err != nil || v.Text("version") != "0.1.0" {
		t.Errorf("version: %v, %v", v, err)
	}
	if v, err := c.Stats(); err != nil || v.Int("regions") != 2 {
		t.Errorf("stats: %v, %v", v, err)
	}
	if v, err := c.Health(); err != nil || v.Text("status") != "ok" {
		t.Errorf("health: %v, %v", v, err)
	}
	if v, err := c.Errors(); err != nil || len(v) != 1 || v[0].Reason != refusal.Reason {
		t.Errorf("errors: %v, %v", v, err)
	}
	if v, err := c.Limits(); err != nil || len(v) != 1 || v[0].Subject != "mount" || v[0].PromisedRegions != 2 || v[0].Promised != 2*4096 ||
		v[0].Bytes != regions.Unlimited {
		t.Errorf("limits: %+v, %v", v, err)
	}
	if v, err := c.Usage("user"); err != nil || len(v) != 1 || v[0].Name != "1000" || v[0].Resident != 2*4096 || v[0].PeakRegions != 2 {
		t.Errorf("usage: %+v, %v", v, err)
	}
	if v, err := c.Config(); err != nil || string(v) != s.config.text {
		t.Errorf("config: %s, %v", v, err)
	}
}

func TestClientRegions(t *testing.T) {
	long := strings.Repeat("d/", 150)
	s := newStage(t, node(2, "models/a b", 1), node(3, "x", 1), node(4, long+"y", 1))
	c := s.lay(t, "regions.json?prefix=models%2Fa+b")
	for prefix, want := range map[string][]string{
		"": {"models/a b", "x", long + "y"}, "/models/a b/": {"models/a b"}, long: {long + "y"},
	} {
		var got []string
		for r, err := range c.Regions(prefix) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.20q: got %q, want %q", prefix, got, want)
		}
	}
	for range c.Regions("") {
		break
	}
	for _, err := range c.Regions("nobody/asked/for/that") {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoMount) {
		t.Errorf("an ordinary directory: got %v", err)
	}
	c := newStage(t).lay(t)
	version := c.path("version")
	for text, want := range map[string]string{
		"version 7\n":              "not a shmfs mount",
		"control 2\n":              "its control files are of version 2, this release of shmfs reads 1",
		"control 1\ncontrol 1\n":   `"control" stands there twice`,
		"version 0.2\ncontrol 1\n": "",
	} {
		if err := os.WriteFile(version, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(c.Mountpoint)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestFindTheMountOfAPath(t *testing.T) {
	c := newStage(t).lay(t)
	root, err := filepath.EvalSymlinks(c.Mountpoint)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "models", "a")
	link := filepath.Join(t.TempDir(), "link")
	err = errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600), os.Symlink(file, link))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{root: ".", file: "models/a", filepath.Dir(file): "models", link: "models/a"} {
		got, rel, err := Find(path)
		if err != nil || got.Mountpoint != root || filepath.ToSlash(rel) != want {
			t.Errorf("%s: got %v, %q, %v", path, got, rel, err)
		}
	}
	if _, _, err := Find(filepath.Join(root, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: got %v", err)
	}
	if _, _, err := Find(t.TempDir()); !errors.Is(err, ErrNoMount) {
		t.Errorf("outside: got %v", err)
	}
	if err := os.WriteFile(c.path("version"), []byte("control 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Find(file); err == nil || errors.Is(err, ErrNoMount) {
		t.Errorf("a mount of a later release: got %v", err)
	}
}

func TestClientSet(t *testing.T) {
	s := newStage(t)
	c := s.lay(t)
	if err := c.Set("size", "8G"); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Config(); err != nil || !strings.HasPrefix(string(b), "size=8G\n") {
		t.Errorf("wrote %q, %v", b, err)
	}
	if err := os.Remove(c.path("config")); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("size", "8G"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing to write to: got %v", err)
	}
}

func TestClientExplains(t *testing.T) {
	s := newStage(t)
	cause := errors.New("invalid argument")
	if err := s.lay(t).explain(cause, ".ctl/config", 0); err != cause {
		t.Errorf("no refusal: got %v", err)
	}
	s.tree.Refusals().Add(fs.Refused{Path: ".ctl/config", Code: regions.Invalid, Reason: "too small", Remedy: "ask for more"})
	s.tree.Refusals().Add(refusal)
	c := s.lay(t)
	var r *regions.Refusal
	err := c.explain(cause, ".ctl/config", 0)
	if !errors.As(err, &r) || r.Code != regions.Invalid || r.Reason != "too small" || r.Remedy != "ask for more" || !errors.Is(err, cause) {
		t.Errorf("got %#v", err)
	}
	if err := c.explain(cause, ".ctl/config", 1); err != cause {
		t.Errorf("a refusal from before: got %v", err)
	}
	if err := os.Remove(c.path("errors")); err != nil {
		t.Fatal(err)
	}
	if err := c.explain(cause, ".ctl/config", 0); err != cause {
		t.Errorf("no errors to read: got %v", err)
	}
}

func TestClientOfWhatIsNotThere(t *testing.T) {
	c := &Client{filepath.Join(t.TempDir(), "gone")}
	_, errStats := c.Stats()
	_, errErrors := c.Errors()
	_, errConfig := c.Config()
	for _, err := range []error{errStats, errErrors, errConfig} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}
