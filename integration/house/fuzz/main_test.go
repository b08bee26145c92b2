package main

import (
	"slices"
	"testing"
)

func TestFuzzersBelongToThePackageThatFollows(t *testing.T) {
	out := []byte("FuzzA\nFuzzB\nok  \tp/one\t0.01s\n?   \tp/none\t[no test files]\nok  \tp/two\t0.01s\nFuzzC\nok  \tp/three\t(cached)\n")
	want := []fuzzer{{"p/one", "FuzzA"}, {"p/one", "FuzzB"}, {"p/three", "FuzzC"}}
	if got := parseList(out); !slices.Equal(got, want) {
		t.Errorf("fuzzers = %v, want %v", got, want)
	}
}
