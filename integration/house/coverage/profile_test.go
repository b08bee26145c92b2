package main

import (
	"strings"
	"testing"
)

const profile = `mode: atomic
github.com/shmfs/shmfs/regions/a.go:1.1,2.2 10 0
github.com/shmfs/shmfs/regions/a.go:1.1,2.2 10 3
github.com/shmfs/shmfs/regions/a.go:3.1,4.2 1 0
github.com/shmfs/shmfs/fs/gofuse/b.go:1.1,2.2 19 1
github.com/shmfs/shmfs/fs/gofuse/b.go:3.1,3.2 1 0
`

func TestBlockCountsOnceAndIsCoveredByAny(t *testing.T) {
	rooms, err := parseProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rooms["regions"], (tally{11, 10}); got != want {
		t.Errorf("regions = %+v, want %+v", got, want)
	}
	if got, want := rooms["fs/gofuse"], (tally{20, 19}); got != want {
		t.Errorf("fs/gofuse = %+v, want %+v", got, want)
	}
}

func TestRoomBelowItsFloorIsCounted(t *testing.T) {
	rooms := map[string]tally{"regions": {100, 95}, "fs/gofuse": {100, 91}, "fs/fstest": {100, 1}}
	var out strings.Builder
	if got, want := printTable(&out, rooms), 1; got != want {
		t.Errorf("rooms below their floor = %d, want %d (regions: 95 %% is not over 95 %%):\n%s", got, want, &out)
	}
}

func TestBadProfileIsRefused(t *testing.T) {
	for _, text := range []string{"a.go:1.1,2.2 10", "a.go:1.1,2.2 ten 0", "a.go:1.1,2.2 10 none"} {
		if _, err := parseProfile(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken for a profile", text)
		}
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(profile)
	f.Fuzz(func(t *testing.T, text string) {
		rooms, err := parseProfile(strings.NewReader(text))
		if err != nil {
			return
		}
		for room, n := range rooms {
			if n.covered < 0 && n.statements >= 0 {
				t.Errorf("%s: %+v", room, n)
			}
		}
	})
}
