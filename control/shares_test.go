package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

func TestShares(t *testing.T) {
	source, share, orphan := node(2, "frames", 1), node(3, "a b/frames", 1), node(4, "orphan", 1)
	share.Attr.Source, orphan.Attr.Source = source.Attr.Node, regions.MakeNodeID(7, 99)
	s := newStage(t, source, share, orphan)
	got := s.read(t, "shares")
	want := fmt.Sprintf("path=\"a b/frames\" node=%s source=\"\" access=read-only\npath=orphan node=%s source=\"\" access=read-only\n",
		share.Attr.Node, orphan.Attr.Node)
	if got != want { // the arena cannot tell where a node stands
		t.Errorf("got\n%swant\n%s", got, want)
	}
	all, err := ReadShares(strings.NewReader("path=\"a b\" node=1.2 source=c access=read-only\n"))
	if err != nil || !slices.Equal(all, []Share{{"a b", "1.2", "c", "read-only"}}) {
		t.Errorf("read: %+v (%v)", all, err)
	}
	n, _ := s.files.Find("shares")
	for command, want := range map[string]regions.Code{
		"": regions.Invalid, "read-write frames x": regions.Invalid, "read-only frames": regions.Invalid,
		"read-only frames x y": regions.Invalid, `read-only "frames x`: regions.Invalid, "read-only frames .ctl": regions.Invalid,
		"read-only frames ..": regions.Invalid, "read-only nothing x": regions.NotFound, "read-only frames nothing/x": regions.NotFound,
		"read-only frames x": regions.NotSupported,
	} {
		err := n.File.(fs.VirtualWriter).Write(t.Context(), fs.Caller{}, []byte(command+"\n"))
		var r *regions.Refusal
		if !errors.As(err, &r) || r.Code != want || r.Remedy == "" {
			t.Errorf("%q: %v, want %v with a remedy", command, err, want)
		}
	}
}

func FuzzReadLives(f *testing.F) {
	f.Add("path=a source=b access=read-only\n", "read-only a b")
	f.Add(`{"path":"a","events":[{"event":"in_use"}]}`, `read-only "a b" "c`)
	f.Add("path=a node=1.2 state=open ttl=max deadline=- last_used=- owner_pid=1", "")
	f.Fuzz(func(t *testing.T, text, command string) {
		ReadSessions(strings.NewReader(text))
		ReadShares(strings.NewReader(text))
		ReadHistory(strings.NewReader(text))
		n, _ := newStage(t, node(2, "a", 1)).files.Find("shares")
		if err := n.File.(fs.VirtualWriter).Write(t.Context(), fs.Caller{}, []byte(command)); err == nil {
			t.Errorf("%q is done where nothing can be shared", command)
		}
	})
}
