package policy

import (
	"testing"

	"github.com/shmfs/shmfs/regions"
)

func TestDirectoryOwners(t *testing.T) {
	all, err := ParseDirectoryOwners("jobs/*:process-group|/pool/: cgroup|jobs/7:process|.:session")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := FormatDirectoryOwners(all), "jobs/*:process-group|pool:cgroup|jobs/7:process|.:session"; got != want {
		t.Errorf("written as %q, want %q", got, want)
	}
	for at, want := range map[string]regions.OwnerKind{"jobs/7": regions.OwnerGroup, "pool": regions.OwnerCgroup,
		"": regions.OwnerSession} {
		if got, ok := OwnerKindOf(all, at); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", at, got, ok, want)
		}
	}
	if got, ok := OwnerKindOf(all, "jobs/7/x"); ok {
		t.Errorf("jobs/7/x has %v", got)
	}
	for _, bad := range []string{"", "jobs", "jobs:", ":cgroup", "[:cgroup", "jobs:container", "a:process|"} {
		if _, err := ParseDirectoryOwners(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if all, err := ParseDirectoryOwners(NoLifetimes); err != nil || len(all) > 0 || FormatDirectoryOwners(nil) != NoLifetimes {
		t.Errorf("none: %v (%v)", all, err)
	}
}

func FuzzDirectoryOwners(f *testing.F) {
	f.Add("jobs/*:process-group|cache:cgroup")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := ParseDirectoryOwners(s)
		if err != nil {
			return
		}
		text := FormatDirectoryOwners(all)
		if again, err := ParseDirectoryOwners(text); err != nil || FormatDirectoryOwners(again) != text {
			t.Errorf("%q is written as %q, which reads as %v (%v)", s, text, again, err)
		}
	})
}
