package fstest

import "testing"

func TestLacksOfRelease(t *testing.T) {
	for release, lacking := range map[string]bool{
		"5.15.0": true, "6.1.0-13-amd64": true, "6.5.13": true, "6.6.0": false, "6.18.44-fc": false, "7.0.0-rc1": false,
		"nonsense": false, "": false,
	} {
		if _, got := lacksOfRelease(release)[BirthTime]; got != lacking {
			t.Errorf("%q lacks birth times: %t", release, got)
		}
	}
}
