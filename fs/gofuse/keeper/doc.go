// Package keeper holds a mount's connection to the kernel, and has somebody serve it: it starts a server, starts it
// again when it dies, and kills one that does not answer. It does nothing else, so that it has no reason to die.
//
// # Parts
//
// The keeper is one process, the server its child. The child inherits the connection, whatever else it needs, and one
// end of a socket, its tether. While a server is being replaced, requests wait in the kernel.
//
// The tether tells both what they must know of each other: it ends when either dies, and a server without its keeper
// ends at once, so there are never two. (PR_SET_PDEATHSIG would be tied to the thread that started the child.) Descriptors
// whose last one takes long to close go over it, too: while the keeper has them, a server that is killed has ended sooner.
//
// # Watching
//
// The keeper asks the server once a second whether it is well; one that is silent for two seconds is killed. That is the
// only thing that an idle mount wakes up for: a request that was read and is not answered cannot be seen from outside.
// Time in which the keeper did not run either is no silence: the whole machine may have stood still.
//
// # Crash loops
//
// A server that dies again and again within moments is started later and later, and meanwhile requests get EIO, or the
// connection is aborted, as configured: nobody waits for ever.
//
// # The next keeper
//
// Whoever starts the keeper may keep the connection and all else that it holds (Options.Leave; package notify), so that
// SIGTERM or kill -9 end the keeper and its server, and not the mount. The next keeper goes on (Options.Died). It ends a
// server that is left, stopped and so unaware of its keeper's end, before it starts one (package ledger, Hold).
//
// # Known deadlock
//
// The keeper must not touch a file of its mount, nor have one open.
package keeper
