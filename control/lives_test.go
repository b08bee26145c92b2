package control

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/events"
)

// immortals are processes of which the odd ones live.
type immortals struct{}

func (immortals) Watch(pid uint32, _ time.Duration, _ func()) (cancel func(), alive bool, err error) {
	return func() {}, pid%2 == 1, nil
}

// household is a tree whose regions end.
type household struct {
	*regions.Manager
	tree  *fs.Tree
	files fs.VirtualDir
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	m := regions.NewManager(mem.New(mem.Options{Bytes: 1 << 20}))
	m.SetUptime(func() time.Duration { return time.Minute })
	h := &household{Manager: m}
	care := regions.NewCaretaker(m, immortals{})
	h.files = New(Sources{Tree: func() *fs.Tree { return h.tree }, Caretaker: care, Started: time.Now(),
		FrontEnd: func() FrontEnd { return FrontEnd{} }})
	h.tree = fs.NewTree(m, fs.Options{Control: h.files})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		care.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return h
}

// make makes a region of a process that lets go of it at once.
func (h *household) make(t *testing.T, name string, pid uint32) {
	t.Helper()
	_, fh, err := h.tree.Create(fs.Caller{PID: pid}, regions.RootNode, name, 0o600, regions.ReadAccess)
	if err != nil {
		t.Fatal(err)
	}
	h.tree.Release(fh)
}

func (h *household) there(name string) bool {
	_, err := h.Lookup(regions.RootNode, name)
	return err == nil
}

func (h *household) read(t *testing.T, name string) string {
	t.Helper()
	n, ok := h.files.Find(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	b, err := n.File.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGC(t *testing.T) {
	h := newHousehold(t)
	h.make(t, "alive", 7)
	h.make(t, "orphan", 8)
	h.make(t, "orphan too", 8)
	if err := h.Setxattr(regions.RootNode, regions.LifetimeXattr, []byte("owner,grace=1h"), 0); err != nil {
		t.Fatal(err)
	}
	var cares []Care
	for end := time.Now().Add(time.Minute); len(cares) < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		var err error
		if cares, err = ReadCares(strings.NewReader(h.read(t, "gc"))); err != nil {
			t.Fatal(err)
		}
	}
	if len(cares) != 3 || !strings.HasPrefix(cares[0].Path, "orphan") || !strings.HasPrefix(cares[1].Path, "orphan") ||
		cares[2].Path != "alive" {
		t.Fatalf("gc has %+v, want both orphans before what is alive", cares)
	}
	if x := cares[0]; x.State != "counting" || !x.OwnerGone || x.OwnerPID != 8 || x.Lifetime != "owner,grace=1h0m0s" || x.Deadline.IsZero() {
		t.Errorf("an orphan is %+v", x)
	}
	if x := cares[2]; x.State != "owner_alive" || x.OwnerGone || !x.Deadline.IsZero() {
		t.Errorf("what is alive is %+v", x)
	}
	if got, want := h.read(t, "gc?orphans"), "path=orphan\npath=\"orphan too\"\n"; len(got) != len(want) {
		t.Errorf("orphans are %q", got)
	}
	n, _ := h.files.Find("gc")
	write := n.File.(fs.VirtualWriter).Write
	if got := h.read(t, "gc?path%3Dorphan+too"); got != "path=\"orphan too\"\n" {
		t.Errorf("at a path: %q", got)
	}
	if err := write(t.Context(), fs.Caller{}, []byte("path=orphan too\n")); err != nil || h.there("orphan too") || !h.there("orphan") {
		t.Errorf("path=: %v", err)
	}
	if err := write(t.Context(), fs.Caller{}, []byte("run\n")); err != nil || h.there("orphan") || !h.there("alive") {
		t.Errorf("run: %v", err)
	}
	if err := write(t.Context(), fs.Caller{}, []byte("orphans")); err != nil || !h.there("alive") {
		t.Errorf("orphans: %v", err)
	}
	for _, bad := range []string{"", "all", "path", "path=", "path=no/such"} {
		var r *regions.Refusal
		if err := write(t.Context(), fs.Caller{}, []byte(bad)); !errors.As(err, &r) || r.Remedy == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if !h.there("alive") {
		t.Error("what was refused ended something")
	}
	if err := write(t.Context(), fs.Caller{}, []byte("path=/")); err != nil || h.there("alive") {
		t.Errorf("path=/: %v", err)
	}
	for _, bad := range []string{"gc?", "gc?run", "gc?path", "gc?%zz"} {
		if _, ok := h.files.Find(bad); ok {
			t.Errorf("there is %s", bad)
		}
	}
	if _, err := ReadCares(strings.NewReader("path=x deadline=never\n")); err == nil {
		t.Error("a line that is none is read")
	}
}

// What ends is what was named, also where another region is called almost the same.
func TestCollectBelowStrangeNames(t *testing.T) {
	h := newHousehold(t)
	n, _ := h.files.Find("gc")
	write := n.File.(fs.VirtualWriter).Write
	for _, name := range []string{"x ", " x", "x\n", "x\ny", `"x"`, `x\`, "\xff"} {
		h.make(t, "x", 7)
		h.make(t, name, 7)
		command := CollectBelow("/" + name)
		if got, want := h.read(t, "gc?"+url.QueryEscape(command)), "path="+word(name)+"\n"; got != want {
			t.Errorf("%q: would end %q, want %q", name, got, want)
		}
		if err := write(t.Context(), fs.Caller{}, []byte(command+"\n")); err != nil || h.there(name) || !h.there("x") {
			t.Errorf("%q: %v, it is there: %t, x is: %t", name, err, h.there(name), h.there("x"))
		}
		h.Remove(regions.RootNode, "x", false)
	}
	h.make(t, "x", 7)
	for _, bad := range []string{`path="x`, `path="x" y`, `path=""`} {
		var r *regions.Refusal
		if err := write(t.Context(), fs.Caller{}, []byte(bad)); !errors.As(err, &r) || r.Remedy == "" || !h.there("x") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestEventLines(t *testing.T) {
	h := newHousehold(t)
	stream := func(resumed bool) fs.VirtualReader {
		dir, _ := h.files.Find("stream")
		n, ok := dir.Dir.Find("events")
		if !ok {
			t.Fatal("no stream")
		}
		r, err := n.File.(fs.VirtualStream).Follow(fs.Reader{Owner: true, Known: true, Resumed: resumed})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := stream(false)
	p := make([]byte, 1<<16)
	if _, err := r.Read(t.Context(), p, false); !errors.Is(err, regions.Again) {
		t.Errorf("nothing happened, and it answers %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ended, p, true); !errors.Is(err, regions.Interrupted) {
		t.Errorf("interrupted, it answers %v", err)
	}
	h.make(t, "a\xff", 7)
	h.Events().Add(events.Event{Kind: events.Refused, Path: "b", Caller: true, PID: 9, Code: uint8(regions.NoSpace), Op: "write"})
	n, err := r.Read(t.Context(), p[:200], true) // less than there is: whole lines
	if err != nil || p[n-1] != '\n' {
		t.Fatalf("read %q (%v)", p[:n], err)
	}
	rest, err := r.Read(t.Context(), p[n:], true)
	if err != nil {
		t.Fatal(err)
	}
	var all []Event
	for x, err := range ReadEvents(bytes.NewReader(p[:n+rest])) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	kinds := ""
	for _, x := range all {
		kinds += x.Event + " "
	}
	if kinds != "created opened released refused " || all[0].Path != "a\xff" || all[0].PID == nil || *all[0].PID != 7 ||
		all[3].Errno != "ENOSPC" || all[3].Operation != "write" {
		t.Errorf("got %s: %+v", kinds, all)
	}
	r.Close()
	again := stream(true)
	if n, err := again.Read(t.Context(), p, true); err != nil || !bytes.Contains(p[:n], []byte(`"created"`)) {
		t.Errorf("one that goes on reads %q (%v)", p[:n], err)
	}
	again.Close()
	if got := strings.Count(h.read(t, "events"), "\n"); got != 4 {
		t.Errorf("%d events are kept, want 4", got)
	}
	for range events.Kept {
		h.Events().Add(events.Event{Kind: events.Sized})
	}
	slow := stream(true)
	defer slow.Close()
	n, err = slow.Read(t.Context(), p, true)
	for x, bad := range ReadEvents(bytes.NewReader(p[:n])) {
		if err != nil || bad != nil || x.Event != "missed" || x.Missed != 4 || x.Seq != 4 {
			t.Errorf("a slow reader reads first %+v (%v, %v)", x, err, bad)
		}
		break
	}
}

// A user reads as many streams as are his, whatever others do, and takes nobody else's.
func TestReadersAreBounded(t *testing.T) {
	h := newHousehold(t)
	s := eventStream{h.files.(*directory)}
	follow := func(user uint32) (fs.VirtualReader, error) {
		return s.Follow(fs.Reader{User: user, Owner: user == 0, Known: true})
	}
	var open []fs.VirtualReader
	fill := func(user uint32, n int, code regions.Code) {
		t.Helper()
		for range n {
			r, err := follow(user)
			if err != nil {
				t.Fatalf("user %d: %v", user, err)
			}
			open = append(open, r)
		}
		var refusal *regions.Refusal
		if _, err := follow(user); !errors.As(err, &refusal) || refusal.Code != code || refusal.Remedy == "" {
			t.Errorf("one more of user %d than there may be: %v, want %v and a remedy", user, err, code)
		}
	}
	for user := range uint32(readersMost / readersOfUser) {
		fill(user+1, readersOfUser, regions.TooManyFiles)
	}
	fill(99, 0, regions.TooManyFilesHere)
	fill(0, readersMost, regions.TooManyFilesHere)
	resumed, err := s.Follow(fs.Reader{User: 1, Known: true, Resumed: true})
	if err != nil {
		t.Errorf("who began before: %v", err)
	}
	unknown, err := s.Follow(fs.Reader{Resumed: true})
	if err != nil {
		t.Errorf("somebody who began before: %v", err)
	}
	for _, r := range append(open, resumed, unknown) {
		r.Close()
	}
	if x := &s.d.readers; x.owners != 0 || x.others != 0 || len(x.users) != 0 {
		t.Errorf("all are closed, and %+v counts", x.users)
	}
	fill(1, readersOfUser, regions.TooManyFiles)
}
