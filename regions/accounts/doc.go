// Package accounts keeps who was promised how much memory, and refuses what would be more than a limit.
//
// # What is promised
//
// A region is promised its size, holes included, rounded up to the unit in which memory is given (a page, or a huge
// page where regions get nothing smaller). So who touches a page of a region later finds it there. In a directory with
// overcommit a region counts with what it occupies instead.
//
// # Accounts
//
// Each directory has an account, the root's is the mount's own; each user, group and process that holds something has
// one. A region counts in the account of every directory above one of its names, once, and in those of its owners. A
// region without a name counts where it was last, and only for the mount as soon as nobody holds it: its memory is
// about to come back.
//
// A reservation keeps room: what a directory has reserved and does not use counts as used in all directories above it.
//
// # Concurrency
//
// A [Book] has one lock, held for an update: a walk from a name to the root, some hundred nanoseconds. What grows is
// charged before the memory is asked for, and given back if that fails. Directories are moved one at a time. Where something
// fits only into the place of something else ([Book.Rename]), the lock is held while who asks puts it there.
//
// The package itself does no input or output, reads no clock, and imports the standard library only.
package accounts
