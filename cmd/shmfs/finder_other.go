//go:build !linux

package main

import "io/fs"

// noFinder is for systems where shmfs cannot be mounted yet.
type noFinder struct{}

var _ finder = noFinder{}

func newFinder(fs.FS) finder { return noFinder{} }

func (noFinder) points() ([]string, error) { return nil, notHere() }

func (noFinder) point(string) (string, error) { return "", notHere() }

func (noFinder) holders(string) ([]holder, error) { return nil, notHere() }

func (noFinder) earlier([]string) ([]holder, error) { return nil, notHere() }

func (noFinder) device(string) (uint64, error) { return 0, notHere() }

func (noFinder) elsewhere(uint64) ([]sighting, error) { return nil, notHere() }

func (noFinder) process(int, uint64) (int, bool) { return 0, false }

func (noFinder) below(string) ([]string, error) { return nil, notHere() }
