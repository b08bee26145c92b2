//go:build !linux

package main

// setAttribute sets an extended attribute, or takes it away.
func setAttribute(string, string, string) error { return notHere() }

// getAttribute reads a short extended attribute, "" if there is none.
func getAttribute(string, string) string { return "" }
