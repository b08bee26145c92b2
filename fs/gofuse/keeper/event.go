//go:build linux

package keeper

// What is something that a keeper tells of.
type What int

const (
	Serves    What = iota // a server is ready
	Answered              // the server was asked how it is
	Died                  // a server died; the next one is started
	Refuses               // servers died again and again: requests get EIO. Told every second.
	Reloading             // the server was asked to read its configuration again
	Reloaded              // it has done so
)

// Event is what happened.
type Event struct {
	What What
	Text string // of Serves and Answered: how the server is, in one line for people
	Last bool   // of Serves: no other server could take over
}
