// Package house holds the rules of this repository as tests: who may import whom, who may print, how long a function
// may be. A failure says which rule, why it is there, and what to write instead.
//
// The commands below it belong to the Makefile: report runs the tests and lists what was skipped, coverage holds each
// room to its threshold, fuzz runs every fuzzer.
package house
