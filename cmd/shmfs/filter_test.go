package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmfs/shmfs/control"
)

func testRegions() []*region {
	at := func(ago time.Duration) time.Time { return testNow().Add(-ago) }
	return []*region{
		{control.Region{ID: "a1", Path: "big", Size: 3 << 30, Resident: 1 << 30, Mode: "0640", UID: 1000, GID: 7, Opens: 2,
			InUse: true, Created: at(2 * time.Hour), LastUsed: at(10 * time.Second)}, "alice"},
		{control.Region{ID: "a2", Path: "jobs/7/frames", Size: 4096, Mode: "0600",
			Created: at(48 * time.Hour), LastUsed: at(24 * time.Hour)}, "root"},
		{control.Region{ID: "a3", Path: "jobs/8/frames two", Size: 4096, Resident: 4096, Mode: "0600",
			Created: at(time.Hour), LastUsed: at(time.Hour)}, "root"},
	}
}

func TestFilter(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "a1 a2 a3",
		"big":                             "a1",
		"fra*":                            "a2 a3",
		"jobs/*/fra*":                     "a2 a3",
		"jobs/**":                         "a2 a3",
		"**":                              "a1 a2 a3",
		"**/frames":                       "a2",
		"/jobs/7/**":                      "a2",
		"jobs":                            "",
		"j*s/?/frames":                    "a2",
		"size>1G":                         "a1",
		"size>=4K size<1M":                "a2 a3",
		"size=4096 resident=0":            "a2",
		"size!=4K":                        "a1",
		"resident<=4K":                    "a2 a3",
		"owner=alice":                     "a1",
		"owner!=alice":                    "a2 a3",
		"owner=r*":                        "a2 a3",
		"in_use=yes":                      "a1",
		"in_use=no":                       "a2 a3",
		"opens>0":                         "a1",
		"uid=1000 gid=7":                  "a1",
		"mode=0600":                       "a2 a3",
		"id=a3":                           "a3",
		"age>1d":                          "a2",
		"age<=1h":                         "a3",
		"idle>30m":                        "a2 a3",
		"created<2030-01-30":              "a2",
		"created>=2030-01-31T09:00:00Z":   "a1 a3",
		"used>2030-01-31T11:59:00Z":       "a1",
		`path="jobs/8/frames two"`:        "a3",
		`"frames two"`:                    "a3",
		"path=jobs/**  size<1G   idle>1h": "a2",
		`name="jobs/8/*"`:                 "a3",
		"size>1G in_use=no":               "",
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, r := range testRegions() {
			if f.match(r, testNow()) {
				got = append(got, r.ID)
			}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"siz>1":        "did you mean size?",
		"zebra=1":      `unknown column "zebra"`,
		"size>big":     "want a number of bytes",
		"opens>many":   "is not a number",
		"in_use=maybe": "want yes or no",
		"created>soon": "want a date or a time",
		"age>old":      "want a duration",
		"age>-1h":      "want a duration",
		"idle>99999d":  "want a duration",
		"owner>alice":  "can be = or !=",
		"[":            "syntax error in pattern",
		"path=[":       "syntax error in pattern",
		`path="open`:   "a quote is not closed",
		"path!x":       "",
		"/":            "empty pattern",
		`""`:           "empty pattern",
	} {
		_, err := parseFilter(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"jobs/** size>1G", `path="a b" owner!=x`, "age>2d [a-z]*", "=", "!=", `"`, "**/**/**/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wanted, err := parseFilter(text)
		if err != nil {
			return
		}
		for _, r := range testRegions() {
			one, again := wanted.match(r, testNow()), wanted.match(r, testNow())
			if one != again {
				t.Errorf("%q: two answers for %s", text, r.Path)
			}
		}
	})
}

// FuzzGlob compares the walk that never goes back more than one "**" with the plain definition.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"a/**/b|a/b", "**|x/y", "a/**/b/**/c|a/x/b/b/c", "**/a/**|b/a", "*|.", "a/**|a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pattern, name, _ := strings.Cut(text, "|")
		g, err := parseGlob(pattern)
		if err != nil || g.anywhere || len(g.names) > 6 || strings.Count(name, "/") > 6 {
			return
		}
		if got, want := g.match(name), plainMatch(g.names, strings.Split(name, "/")); got != want {
			t.Errorf("%q on %q: got %v, want %v", pattern, name, got, want)
		}
	})
}

func plainMatch(pattern, names []string) bool {
	switch {
	case len(pattern) == 0:
		return len(names) == 0
	case pattern[0] == "**":
		return plainMatch(pattern[1:], names) || len(names) > 0 && plainMatch(pattern, names[1:])
	}
	return len(names) > 0 && matchName(pattern[0], names[0]) && plainMatch(pattern[1:], names[1:])
}

func TestSort(t *testing.T) {
	for line, want := range map[string]string{
		"name": "a1 a2 a3", "size": "a1 a2 a3", "resident": "a1 a3 a2", "created": "a3 a1 a2", "used": "a1 a3 a2",
		"opens": "a1 a2 a3", "size reverse": "a2 a3 a1", "name reverse": "a3 a2 a1",
	} {
		by, reverse, _ := strings.Cut(line, " ")
		order, err := sorter(by, reverse != "")
		if err != nil {
			t.Fatal(err)
		}
		all := testRegions()
		slices.SortFunc(all, order)
		if got := all[0].ID + " " + all[1].ID + " " + all[2].ID; got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}
