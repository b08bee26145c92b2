// Package gofuse serves an fs.Tree to the Linux kernel through go-fuse's raw API.
//
// # Two ways for the data
//
// Passthrough (Linux 6.9, CAP_SYS_ADMIN): a region's file is registered once as backing of its node, and read, write
// and mmap go to it in the kernel; the server sees none of them. Cached: they go through FUSE's page cache, and what
// is not in it, or is written, comes here. Which one it is is tried when the mount begins; a single region that
// cannot be registered is cached for as long as it is used, without changing any other.
//
// # Round trips
//
// A round trip costs some 30 to 60 µs, whatever the server does in it, so the protocol is set up to need few: entries,
// attributes and the absence of names are valid for a day, because nothing changes them but requests to this server;
// FOPEN_NOFLUSH on every open; ENOSYS, once, for what is not needed (FSYNC, POLL). Only the attributes of a region
// that somebody uses are valid for one second, because stores through a mapping change st_blocks.
//
// # What the kernel is told (INIT)
//
//   - HANDLE_KILLPRIV_V2, or else it asks for security.capability before every write(2).
//   - No POSIX_LOCKS, no FLOCK_LOCKS: the kernel's own locks are right, fast, and end with their process. A lock that
//     is served here is released by FLUSH, which NOFLUSH suppresses.
//   - POSIX_ACL and DONT_MASK: the umask is applied where the directory has no default ACL, which only the arena knows.
//   - EXPLICIT_INVAL_DATA: in the cached way the page cache is the only copy in use, and a changed mtime is no reason
//     to drop it.
//   - No WRITEBACK_CACHE: passthrough is refused with it, and without it ENOSPC reaches the writer.
//
// # Known deadlocks
//
//  1. The server must not touch a file of its own mount.
//  2. A notification of an entry waits for the parent directory's lock, which every request on it holds: none is sent
//     from a handler.
package gofuse
