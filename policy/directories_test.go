package policy

import (
	"strings"
	"testing"

	"github.com/shmfs/shmfs/regions"
)

func TestDirectoryLimits(t *testing.T) {
	all, err := ParsePatterns("/models/:bytes=10G;regions=100|tenants/*:2G | a:b/[0-9]:1K")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]regions.Limits{
		"models": {Bytes: 10 << 30, Regions: 100}, "models/x": {}, "tenants/x": {Bytes: 2 << 30}, "tenants": {},
		"tenants/x/y": {}, "a:b/7": {Bytes: 1024}, "": {},
	} {
		if got := LimitOf(all, path); got != want {
			t.Errorf("%q: got %+v, want %+v", path, got, want)
		}
	}
	for text, want := range map[string]string{
		"":            "want a pattern and a limit",
		"2G":          "want a pattern and a limit",
		":2G":         "is no pattern",
		"/:2G":        "is no pattern",
		"a[:2G":       "is no pattern",
		"a:much":      `bytes "much"`,
		"a:2G|":       "want a pattern and a limit",
		"a:reserve=1": "a reservation is made for one, not for all",
	} {
		if got, err := ParsePatterns(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", text, got, err, want)
		}
	}
}

func TestCgroupLimits(t *testing.T) {
	var c Config
	if err := c.Set("cgroup_limit", "/system.slice/*:2G|jobs:regions=7"); err != nil {
		t.Fatal(err)
	}
	all, err := ParsePatterns(c.CgroupLimit)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]regions.Limits{"/system.slice/a.service": {Bytes: 2 << 30}, "/jobs": {Regions: 7}, "/": {}} {
		if got := LimitOf(all, path); got != want {
			t.Errorf("%q: got %+v, want %+v", path, got, want)
		}
	}
	if err := c.Set("cgroup_limit", "jobs:nodes=7"); err == nil || !strings.Contains(err.Error(), "nodes and throttle are for directories") {
		t.Errorf("nodes: %v", err)
	}
}

func TestLabelLimits(t *testing.T) {
	var c Config
	if err := c.Set("label_limit", "run=big:regions=7|run=*:2G"); err != nil {
		t.Fatal(err)
	}
	all, err := ParsePatterns(c.LabelLimit)
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]regions.Limits{"run=7": {Bytes: 2 << 30}, "run=big": {Regions: 7}, "worker=7": {}} {
		if got := LimitOf(all, label); got != want {
			t.Errorf("%q: got %+v, want %+v", label, got, want)
		}
	}
	if err := c.Set("label_limit", "run=*:throttle=90%"); err == nil || !strings.Contains(err.Error(), "label_limit: ") {
		t.Errorf("throttle: %v", err)
	}
}

func FuzzParsePatterns(f *testing.F) {
	f.Add("models:bytes=10G;regions=100|tenants/*:2G")
	f.Add("max")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParsePatterns(text)
		if err != nil {
			return
		}
		again, err := ParsePatterns(FormatPatterns(all))
		if err != nil || len(again) != len(all) {
			t.Fatalf("%q: %+v, then %+v, %v", text, all, again, err)
		}
		for i := range all {
			if all[i] != again[i] {
				t.Errorf("%q: %+v, then %+v", text, all[i], again[i])
			}
		}
	})
}
