// Package pressure waits for the kernel to say that programs wait for memory (PSI: Linux Documentation/accounting/psi.rst). It
// asks for nothing in rounds: a thread sleeps in poll(2).
package pressure
