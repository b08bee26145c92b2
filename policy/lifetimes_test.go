package policy

import (
	"testing"
	"time"

	"github.com/shmfs/shmfs/regions"
)

func TestDirectoryLifetimes(t *testing.T) {
	all, err := ParseDirectoryLifetimes("jobs/*:owner;grace=2s|/cache/:ttl=1h|.:session;ttl=5m")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := FormatDirectoryLifetimes(all), "jobs/*:owner;grace=2s|cache:ttl=1h0m0s|.:session;ttl=5m0s"; got != want {
		t.Errorf("written as %q, want %q", got, want)
	}
	for at, want := range map[string]regions.Lifetime{
		"jobs/7": {Kind: regions.Owner, Grace: 2 * time.Second}, "cache": {Kind: regions.TTL, TTL: time.Hour},
		"": {Kind: regions.Session, TTL: 5 * time.Minute},
	} {
		if got, ok := LifetimeOf(all, at); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", at, got, ok, want)
		}
	}
	for _, at := range []string{"jobs", "jobs/7/x", "other"} {
		if got, ok := LifetimeOf(all, at); ok {
			t.Errorf("%q has %v", at, got)
		}
	}
	for _, bad := range []string{"", "jobs", "jobs:", ":owner", "[:owner", "jobs:ever", "a:owner|"} {
		if _, err := ParseDirectoryLifetimes(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if all, err := ParseDirectoryLifetimes(NoLifetimes); err != nil || len(all) > 0 || FormatDirectoryLifetimes(nil) != NoLifetimes {
		t.Errorf("none: %v (%v)", all, err)
	}
}

func FuzzDirectoryLifetimes(f *testing.F) {
	f.Add("jobs/*:owner;grace=2s|cache:ttl=1h")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := ParseDirectoryLifetimes(s)
		if err != nil {
			return
		}
		text := FormatDirectoryLifetimes(all)
		if again, err := ParseDirectoryLifetimes(text); err != nil || FormatDirectoryLifetimes(again) != text {
			t.Errorf("%q is written as %q, which reads as %v (%v)", s, text, again, err)
		}
	})
}
