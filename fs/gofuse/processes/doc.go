// Package processes watches processes until they end: each by one descriptor (pidfd_open(2)), however many want to know,
// and all by one epoll(7). Nothing is asked in rounds.
//
// # Whose number it is
//
// A process number is used again. Who asks says when the process was seen to live, on the clock that counts from the boot
// of the system (CLOCK_BOOTTIME, which nobody steps): whoever has the number now and began later is another one.
package processes
