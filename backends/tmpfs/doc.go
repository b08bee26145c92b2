// Package tmpfs is the arena on Linux: a tmpfs of its own, whose kernel keeps names, attributes, links, ACLs, extended
// attributes and memory. The server keeps nothing that it could lose.
//
// # Two ways to reach a node
//
// With CAP_DAC_READ_SEARCH a node is its file handle (handles.go): no table, no descriptor, valid after any restart.
// Without, a node is a place, a directory and a name (places.go), resolved with openat(2) at every use; a node without
// a name is held by a descriptor. Both give the same node ids, because name_to_handle_at(2) needs no privilege.
//
// # Rules for the process that uses it
//
// Its umask must be 0: Make applies the caller's. It must not have the arena's files open for reading or writing for
// longer than a call: the lease probe (InUse) counts them as users. O_PATH does not count.
//
// # Known traps
//
//  1. The descriptor that fsmount(2) returns is O_PATH and is refused by open_by_handle_at(2): the root is opened anew.
//  2. chown(2) drops set-user-id even for root, so a node that is made with it is changed again afterwards.
//  3. fallocate(2) on tmpfs gives up, and gives back, at any signal; the Go runtime sends signals. They are blocked
//     for the call (file.go).
//  4. tmpfs keeps user. attributes since Linux 6.6; before, they are kept under a trusted. name of our own (xattr.go).
package tmpfs
