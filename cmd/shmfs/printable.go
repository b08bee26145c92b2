package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable is a name as one word of a line: quoted if it has what would break it, disguise it, or command the
// terminal. Bytes that are no UTF-8 are such: a terminal may take one of 0x80 to 0x9f for an escape (ECMA-48, C1).
func printable(s string) string {
	if safe(s) {
		return s
	}
	return strconv.Quote(s)
}

// printableAll is printable for a list.
func printableAll(names []string) string {
	shown := make([]string, len(names))
	for i, n := range names {
		shown[i] = printable(n)
	}
	return join(shown)
}

func safe(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}

// escaped is a text for a terminal, with names in it that nobody has looked at: whatever does not print, but for tabs,
// is escaped where it stands.
func escaped(s string) string {
	if safe(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\t' || strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}
