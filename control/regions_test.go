package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

func TestRegionsTable(t *testing.T) {
	foreign := node(4, "made by another\nprogram\xff", 1536)
	foreign.Record, foreign.Attr.Btime = regions.Record{}, regions.Timestamp{}
	foreign.Attr.UID, foreign.Attr.GID, foreign.Attr.Mode = 4294967294, 65534, regions.TypeRegular|0o4755
	s := newStage(t, node(2, "models/größe", 8<<30), foreign)
	s.arena.held[regions.MakeNodeID(7, 4)] = true
	m := s.tree.Arena()
	m.Opened(regions.MakeNodeID(7, 4), regions.ReadAccess)
	m.Released(regions.MakeNodeID(7, 4), regions.ReadAccess) // but mapped: the arena says so

	now := m.LastUsed(&foreign.Attr).UTC().Format(time.RFC3339)
	want := strings.Join([]string{
		`ID                SIZE  RESIDENT  MODE  OWNER             BELONGS-TO  OPENS  IN-USE  CREATED               LAST-USED             PATH`,
		`0000000000000002  8.0G      4.0K  0640  1000:100          process:11      0  no      2026-03-04T05:06:07Z  2026-03-04T05:06:07Z  models/größe`,
		`-                 1.5K      4.0K  4755  4294967294:65534  -               0  yes     -                     ` + now + `  "made by another\nprogram\xff"`,
	}, "\n") + "\n"
	if got := s.read(t, "regions"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRegionsOfNothing(t *testing.T) {
	s := newStage(t)
	if got, want := s.read(t, "regions"), "ID  SIZE  RESIDENT  MODE  OWNER  BELONGS-TO  OPENS  IN-USE  CREATED  LAST-USED  PATH\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.read(t, "regions.json"); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestRegionsJSONLine(t *testing.T) {
	s := newStage(t, node(2, `a b "c"`, 8<<30))
	s.tree.Arena().Opened(regions.MakeNodeID(7, 2), regions.WriteAccess)
	used := s.tree.Arena().LastUsed(&regions.Attr{Node: regions.MakeNodeID(7, 2)}).UTC().Format(time.RFC3339Nano)
	want := `{"id":"0000000000000002","path":"a b \"c\"","node":"00000007.2","inode":2,"size":8589934592,"resident":4096,` +
		`"mode":"0640","uid":1000,"gid":100,"links":1,"opens":1,"writers":1,"in_use":true,` +
		`"created":"2026-03-04T05:06:07.000000089Z","last_used":"` + used + `",` +
		`"creator_pid":11,"creator_uid":12,"creator_gid":13,"owner_kind":"process","owner":"11"}` + "\n"
	if got := s.read(t, "regions.json"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRegionsJSONIsWhatTheLibraryWrites(t *testing.T) {
	full := Region{
		ID: "1", Path: "a/b c", Node: "2", Inode: 3, Size: 4, Resident: 5, Mode: "6", UID: 7, GID: 8, Links: 9, Opens: 10,
		Writers: 11, InUse: true, Created: day, LastUsed: day, CreatorPID: 12, CreatorUID: 13, CreatorGID: 14,
		CreatorCgroup: "/a b",
	}
	for _, path := range []string{"a/b c", "", `"\\`, "\u2028\x00\n\t", "größe"} {
		full.Path = path
		for _, r := range []Region{full, {Path: path, PathBase64: []byte{0xff, 0}}} {
			want, err := json.Marshal(&r)
			if got := r.appendJSON(nil); err != nil || string(got) != string(want) {
				t.Errorf("got  %s\nwant %s, %v", got, want, err)
			}
		}
	}
}

// paths reads the paths of all regions that a file of JSON lines has.
func paths(t testing.TB, text string) []string {
	t.Helper()
	var all []string
	for r, err := range ReadRegions(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Path)
	}
	return all
}

func TestRegionsJSONKeepsEveryByteOfAPath(t *testing.T) {
	var items []regions.Item
	var want []string
	for i := range uint32(256) {
		path := "x" + string([]byte{byte(i)})
		items, want = append(items, node(i+2, path, 1)), append(want, path)
	}
	text := newStage(t, items...).read(t, "regions.json")
	if got := paths(t, text); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got, want := strings.Count(text, "path_base64"), 128; got != want {
		t.Errorf("%d paths are given in base64 too, want the %d that are not UTF-8", got, want)
	}
}

func TestRegionsBelowAPrefix(t *testing.T) {
	s := newStage(t, node(2, "models/llama/a", 1), node(3, "models/llama2/b", 1), node(4, "models/c", 1), node(5, "x", 1))
	all := []string{"models/llama/a", "models/llama2/b", "models/c", "x"}
	for query, want := range map[string][]string{
		"models%2Fllama":     {all[0]},
		"%2Fmodels%2Fllama/": {all[0]},
		"models":             all[:3],
		"model":              nil,
		"":                   all,
		"x":                  {"x"},
		"x%2Fy":              nil,
		"models%2F..":        nil,
	} {
		if got := paths(t, s.read(t, "regions.json?prefix="+query)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if got, want := strings.Count(s.read(t, "regions?prefix="+query), "\n"), len(want)+1; got != want {
			t.Errorf("%s: a table of %d lines, want %d", query, got, want)
		}
	}
}

func TestARegionOfTwoNamesIsOneLine(t *testing.T) {
	first, second := node(2, "a/x", 1), node(2, "b/y", 1)
	first.Attr.Nlink, second.Attr.Nlink = 2, 2
	s := newStage(t, first, second, node(3, "c", 1))
	if got, want := paths(t, s.read(t, "regions.json")), []string{"a/x", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := paths(t, s.read(t, "regions.json?prefix=b")), []string{"b/y"}; !slices.Equal(got, want) {
		t.Errorf("below b: got %q, want %q", got, want)
	}
}

func TestAWalkEndsWithItsReader(t *testing.T) {
	for _, name := range []string{"regions", "regions.json"} {
		s := newStage(t, node(2, "a", 1), node(3, "b", 1))
		ctx, cancel := context.WithCancel(t.Context())
		nodes := 0
		s.arena.walking = func() { nodes++; cancel() }
		n, _ := s.files.Find(name)
		if _, err := n.File.Snapshot(ctx); !errors.Is(err, context.Canceled) || nodes != 1 {
			t.Errorf("%s: got %v after %d nodes", name, err, nodes)
		}
	}
}

func TestWalksTakeTurns(t *testing.T) {
	s := newStage(t, node(2, "a", 1))
	var running atomic.Int32
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	s.arena.walking = func() {
		if n := running.Add(1); n != 1 {
			t.Errorf("%d walks at once", n)
		}
		entered <- struct{}{}
		<-leave
		running.Add(-1)
	}
	n, _ := s.files.Find("regions")
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := n.File.Snapshot(t.Context())
			done <- err
		}()
	}
	<-entered

	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.File.Snapshot(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("who stopped waiting: got %v", err)
	}
	close(leave)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestReadRegionsStopsAtAnError(t *testing.T) {
	var got []string
	for r, err := range ReadRegions(strings.NewReader("{\"path\":\"a\"}\n{\"path\":7}\n{\"path\":\"b\"}\n")) {
		got = append(got, fmt.Sprint(r.Path, err != nil))
	}
	if want := []string{"afalse", "true"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range ReadRegions(strings.NewReader("{}\n{}\n")) {
		break
	}
}

func FuzzReadRegions(f *testing.F) {
	f.Add(`{"id":"0000000000000002","path":"a","path_base64":"YQ==","created":"2026-03-04T05:06:07Z"}`)
	f.Add(`{"path":"a"}{"path":`)
	f.Fuzz(func(t *testing.T, text string) {
		for r, err := range ReadRegions(strings.NewReader(text)) {
			if err == nil && r.PathBase64 != nil && r.Path != string(r.PathBase64) {
				t.Errorf("path %q, bytes %q", r.Path, r.PathBase64)
			}
		}
	})
}

func FuzzPathsInTheFiles(f *testing.F) {
	f.Add("a b")
	f.Add("\xff\n\x00\u2028")
	f.Fuzz(func(t *testing.T, path string) {
		s := newStage(t, node(2, path, 1))
		if got := paths(t, s.read(t, "regions.json")); len(got) != 1 || got[0] != path {
			t.Errorf("got %q, want %q", got, path)
		}
		lines := strings.Split(s.read(t, "regions"), "\n")
		if len(lines) != 3 {
			t.Fatalf("one region in %d lines", len(lines))
		}
		at := strings.Index(lines[0], "PATH")
		if word, rest, err := cutWord(lines[1][at:]); err != nil || word != path || rest != "" {
			t.Errorf("got %q, %q, %v, want %q", word, rest, err, path)
		}
	})
}

func BenchmarkRegions(b *testing.B) {
	items := make([]regions.Item, 100_000)
	for i := range items {
		items[i] = node(uint32(i+2), fmt.Sprintf("models/llama-%d/weights", i), int64(i)<<12)
	}
	s := newStage(b, items...)
	for _, name := range []string{"regions", "regions.json"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.SetBytes(int64(len(s.read(b, name))))
			}
		})
	}
}
