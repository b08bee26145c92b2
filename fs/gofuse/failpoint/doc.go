// Package failpoint ends the process where a test wants it to: between two steps of a request, or of a takeover. Without
// the build tag failpoints it is nothing, and costs nothing.
package failpoint

// Point is a place between two steps.
type Point string

// The points, those of a request in the order in which it comes by.
const (
	Read       Point = "read"       // the request was read
	Slot       Point = "slot"       // what it found is in the ledger
	Made       Point = "made"       // the arena did what was asked; no handle yet
	Entered    Point = "entered"    // its handle is in the ledger
	Registered Point = "registered" // the kernel knows the backing; the ledger does not
	Backed     Point = "backed"     // the ledger does, too
	Closing    Point = "closing"    // the ledger says that a backing is let go; the kernel was not told
	Closed     Point = "closed"     // the kernel was told; the ledger still has it
	Ending     Point = "ending"     // a name that the server takes away by itself is in the ledger, and there
	Unlinked   Point = "unlinked"   // it is gone; the kernel was not told
	Told       Point = "told"       // the kernel was told of the name, and not of its directory
	Ended      Point = "ended"      // it was told of both; the ledger still has it
	Answering  Point = "answering"  // the answer is made; the kernel does not have it
	Forgetting Point = "forgetting" // the kernel said that it does not know a node, and never will again
	Serving    Point = "serving"    // of no request: the server answers, and its keeper does not know
)

// Variable is the environment's variable that says where to end: "POINT=N" is with a chance of one in N at that point,
// "any=N" at any of them. "POINT=stop" stops the process there, so that something else can be done meanwhile.
const Variable = "SHMFS_FAILPOINT"

// Stop, in the place of a chance, stops the process.
const Stop = "stop"
