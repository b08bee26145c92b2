package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/shmfs/shmfs/"

// tally counts the statements of a room.
type tally struct{ statements, covered int }

func (t tally) percent() float64 { return 100 * float64(t.covered) / float64(max(t.statements, 1)) }

// floor is what a room must exceed, in percent. Zero: the room is shown, not held to anything.
type floor struct {
	room    string
	percent float64
	why     string
}

// floors hold for the first room that matches; every other room has defaultFloor.
func floors() []floor {
	return []floor{
		{"regions", 95, ""},
		{"control", 95, ""},
		{"policy", 95, ""},
		{"backends/backendtest", 0, "a suite: what tells of a failure runs when one is found"},
		{"fs/fstest", 0, "a suite: what tells of a failure runs when one is found"},
	}
}

const defaultFloor = 90

func floorOf(room string) floor {
	for _, f := range floors() {
		if f.room == room {
			return f
		}
	}
	return floor{room, defaultFloor, ""}
}

// parseProfile adds up a profile as `go tool cover` takes it, by room. Several processes have each written their
// count of a block, so a block may come more than once; it is covered if any of them ran it.
func parseProfile(r io.Reader) (map[string]tally, error) {
	type block struct {
		statements int
		ran        bool
	}
	blocks := map[string]block{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") || line == "" {
			continue
		}
		where, statements, count, err := parseBlock(line)
		if err != nil {
			return nil, err
		}
		b := blocks[where]
		blocks[where] = block{statements, b.ran || count > 0}
	}
	rooms := map[string]tally{}
	for where, b := range blocks {
		room := path.Dir(strings.TrimPrefix(where, module))
		t := rooms[room]
		t.statements += b.statements
		if b.ran {
			t.covered += b.statements
		}
		rooms[room] = t
	}
	return rooms, lines.Err()
}

// parseBlock reads "file.go:12.34,56.7 statements count" (golang.org/x/tools/cover, ParseProfiles).
func parseBlock(line string) (where string, statements int, count int64, err error) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return "", 0, 0, fmt.Errorf("profile: %q is not a block", line)
	}
	if statements, err = strconv.Atoi(fields[1]); err == nil {
		count, err = strconv.ParseInt(fields[2], 10, 64)
	}
	if err != nil {
		return "", 0, 0, fmt.Errorf("profile: %q: %w", line, err)
	}
	return fields[0], statements, count, nil
}

// printTable answers how many rooms are below their floor.
func printTable(w io.Writer, rooms map[string]tally) (below int) {
	fmt.Fprintf(w, "%-24s %10s %9s %7s\n", "room", "statements", "covered", "floor")
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		t, f := rooms[room], floorOf(room)
		verdict := f.why
		if t.statements > 0 && f.percent > 0 && t.percent() <= f.percent {
			verdict = "BELOW"
			below++
		}
		fmt.Fprintf(w, "%-24s %10d %8.1f%% %6.0f%% %s\n", room, t.statements, t.percent(), f.percent, verdict)
	}
	return below
}
