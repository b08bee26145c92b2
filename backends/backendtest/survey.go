package backendtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/shmfs/shmfs/regions"
)

// met is a name as a walk or a survey meets it.
type met struct {
	parent, node regions.NodeID
	attr         regions.Attr
	record       regions.ID
}

// meet leaves out when a directory was last read: walks read it.
func meet(it *regions.Item) met {
	it.Attr.Atime = regions.Timestamp{}
	return met{it.Parent, it.Attr.Node, it.Attr, it.Record.ID}
}

// surveyor answers the arena's ability; the test is skipped if it has none.
func (x *tree) surveyor() regions.Surveyor {
	s, ok := x.Arena.(regions.Surveyor)
	if !ok {
		x.Skip("this arena has no way to be walked but Walk")
	}
	return s
}

func survey(x *tree) {
	s := x.surveyor()
	for _, dir := range []string{"a", "a/b", "a/b/c", "empty"} {
		x.put(dir, folder)
	}
	x.put("s", symlink)
	for i := range 700 { // more than are looked at together
		x.put(fmt.Sprint("a/b/f", i), region)
	}
	_, err := x.Make(x.at("a/b/c"), "r", regions.Spec{Mode: region, UID: x.uid, GID: x.gid,
		Record: regions.Record{ID: 99, Created: regions.Timestamp{Sec: 1}.Time()}})
	x.want(regions.OK, err, "make")
	_, err = x.Link(x.at("a/b/f1"), x.at("empty"), "link")
	x.want(regions.OK, err, "link")

	want := map[met]int{}
	x.want(regions.OK, x.Walk(x.Context(), regions.RootNode, func(it regions.Item) error {
		want[meet(&it)]++
		return nil
	}), "walk")
	got := x.surveyed(s, true)
	bare := x.surveyed(s, false)
	for m, n := range want {
		if got[m] != n {
			x.Errorf("met %d times: %+v, want %d", got[m], m, n)
		}
		if m.record = 0; bare[m] != n {
			x.Errorf("without records met %d times: %+v, want %d", bare[m], m, n)
		}
	}
	if len(got) != len(want) || len(bare) != len(want) {
		x.Errorf("%d names, without records %d, want %d", len(got), len(bare), len(want))
	}
}

// surveyed counts what a survey meets, and looks that each directory comes before what is in it.
func (x *tree) surveyed(s regions.Surveyor, records bool) map[met]int {
	x.Helper()
	var mu sync.Mutex
	got, known := map[met]int{}, map[regions.NodeID]bool{regions.RootNode: true}
	x.want(regions.OK, s.Survey(x.Context(), records, func(it regions.Item) error {
		mu.Lock()
		defer mu.Unlock()
		if !known[it.Parent] {
			x.Errorf("%v is met before its directory", it.Attr.Node)
		}
		if it.Attr.IsDir() {
			known[it.Attr.Node] = true
		}
		got[meet(&it)]++
		return nil
	}), "survey")
	return got
}

func surveyEnds(x *tree) {
	s := x.surveyor()
	for i := range 50 {
		x.put(fmt.Sprint("d", i), folder)
		x.put(fmt.Sprintf("d%d/f", i), region)
	}
	enough := errors.New("enough")
	for _, of := range []uint32{regions.TypeDir, regions.TypeRegular} {
		err := s.Survey(x.Context(), false, func(it regions.Item) error {
			if it.Attr.Mode&regions.TypeMask == of {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			x.Errorf("a survey ended with %v", err)
		}
	}
	ctx, cancel := context.WithCancel(x.Context())
	cancel()
	if err := s.Survey(ctx, false, func(regions.Item) error { return nil }); !errors.Is(err, context.Canceled) {
		x.Errorf("survey with an ended context: %v", err)
	}
}
