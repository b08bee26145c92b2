// Package ledger is what a server writes down so that the next one can go on where it stopped: the kernel's INIT,
// open handles, registered backings, what requests in flight found, and the configuration in effect.
//
// # Structure
//
// A memory file that the keeper holds and every server maps. A header names its sections; a section is an array of
// records of one size. The header says how large each is, so that a later release can make records longer and read
// those of the one before.
//
//	header | configuration ×2 | slots (ring) | handles | backings | texts (by pread and pwrite) | counters | sums
//
// The file is sparse: what was never used takes no memory. Nothing in it is a pointer.
//
// # Order
//
// A record is filled first and made valid last, by one atomic store, so a server may be killed between any two
// instructions. Whatever the kernel is told about (a handle, a backing) is entered before it is told; whatever it has
// let go of is taken out afterwards.
//
// # Trust
//
// Only servers of the same user write to it, but a server that was killed because it went mad may have written
// anything: every length, index and position that is read is checked.
package ledger
