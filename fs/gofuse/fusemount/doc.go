// Package fusemount mounts and unmounts, and finds mounts: what a process does with /dev/fuse before and after it
// speaks the protocol. It imports golang.org/x/sys only, so that the smallest process can hold a mount.
package fusemount
