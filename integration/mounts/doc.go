// Package mounts tests the built binary from outside: real mounts in every mode, real processes, wrong input, and what
// is left behind.
//
// The binary under test is $SHMFS_BINARY, or is built here: with the race detector if the tests are.
package mounts
