// Package mem is an arena that keeps names itself and takes memory from a [regions.Store]: Go's heap, and later the
// memory objects of systems that give them no directories (Windows sections, Mach memory objects).
//
// # What it answers
//
// What tmpfs answers through Linux' system calls to a process with every privilege, to the errno, the link count and
// the time stamp: who may do what is decided above it. Where tmpfs' own code decides something, the comment names it.
//
// # Structure
//
// A file per group of operations: names.go, make.go, remove.go, rename.go, attributes.go, xattr.go, file.go, copy.go,
// report.go.
// Below them: node.go, directory.go (entries and positions), acl.go (the kernel's arithmetic on ACLs), limits.go, and
// heap.go, the default store.
//
// # Concurrency
//
// Every method may be called at once from many goroutines. Lock order: Arena.mu (the tree: who has which name), then
// the mu of one node (what it is and holds), then limits.mu. Nobody holds two nodes at once. Reading and writing takes
// the node's lock only, so no region waits for another. No lock is held while a caller's function runs.
package mem
