// Package regions says what a region of shared memory is: its node, its attributes, its record, and the small
// interfaces that whatever holds memory must fulfil.
//
// # Structure
//
// An [Arena] holds memory and the names of it. Two kinds exist: one whose names are kept by the kernel (package
// backends/tmpfs: tmpfs is the database, memory holds indexes only) and one that keeps names itself and asks a [Store]
// for memory (package backends/mem), which is the door for systems whose memory objects have no directories: Windows
// sections and Mach memory objects.
//
// [Manager] is an Arena around an Arena: every door (the FUSE front end, control files, the command line) goes
// through it, and it keeps the books: how many regions there are, who has them open, who made them, and who was promised
// how much (package accounts). Whatever grows is asked for there before it is done.
//
// [Caretaker] ends regions whose lifetime is over: it is told by the Manager what changed, by [Processes] who is gone,
// and has a heap of deadlines. What happens is told to an events.Log.
//
//	fs.Tree ──► Manager (accounts, books, users, records) ──► Arena (tmpfs, mem, ...)
//
// # Errors
//
// Every error that leaves an Arena is a [Code], or wraps one. Errno exists only inside the Linux backends and in the
// front ends.
//
// # Concurrency
//
// An Arena is called by many goroutines at once. Operations on one name do not overlap when they come from a kernel
// (the VFS locks the directory), but an Arena must not rely on it: it stays consistent when they do.
//
// The package imports the standard library only and builds on every system that Go builds on.
package regions
