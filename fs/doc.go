// Package fs is the file system without a protocol: one [Tree] of nodes and handles that every front end serves
// (package gofuse to the Linux kernel), with the control files of package control in it.
//
// # Structure
//
//	front end ──► Tree ──► regions.Manager ──► an arena        (nodes whose low half is not 0)
//	                │
//	                └────► VirtualDir (package control)        (nodes whose low half is 0)
//
// A file per group of operations: names.go, make.go, attributes.go, data.go, directory.go, xattr.go, virtual.go.
//
// # Errors
//
// Everything answers an error that [CodeOf] reads as one of a closed set of codes; a front end has one table from
// there to its errno. A refusal, an error that a person should hear of, also goes to [Refusals].
//
// # Concurrency
//
// Every method may be called at once from many goroutines. Nothing here waits for anything but the arena: a request
// holds its directory in the kernel, and every neighbour waits with it.
package fs
