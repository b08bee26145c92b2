// Package events keeps what happened to regions, so that anybody can read of it afterwards, or wait for more.
//
// # One ring
//
// A [Log] holds the last events in one ring of bounded length. A reader is a place in it: it takes no memory of its own,
// however many there are, and one that is too slow is told how many it missed. Events are numbered from 1 on, and the
// numbers go on in the next server.
//
// # Cost
//
// Who adds an event copies a struct under a lock, some hundred nanoseconds. Text is made by who reads. What happens all
// the time (opens, closes) is asked for with [Log.Followed] first: it is kept only while somebody waits for it.
//
// The package reads no clock, and imports the standard library only.
package events
