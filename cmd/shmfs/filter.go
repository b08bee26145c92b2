package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// filter is what --filter says: terms that all must hold.
//
//	filter = term { blank term }
//	term   = glob | column operator value
//	operator = "=" | "!=" | "<" | "<=" | ">" | ">="
//
// A glob is matched against the path. A word in double quotes may hold blanks: path="my frames*". Sizes take K, M, G,
// T; age and idle take durations (90s, 10m, 3h, 2d), created and used a date or a time (RFC 3339).
type filter []term

// term answers whether a region is wanted.
type term func(r *region, now time.Time) bool

const filterHelp = "a path pattern (frames*, jobs/**), or COLUMN=VALUE with =, !=, <, <=, >, >= and one of the columns " +
	"of --sort, path, owner, id, mode, uid, gid, opens, in_use, age, idle"

func parseFilter(s string) (filter, error) {
	words, err := splitWords(s)
	if err != nil {
		return nil, err
	}
	var f filter
	for _, w := range words {
		t, err := parseTerm(w)
		if err != nil {
			return nil, err
		}
		f = append(f, t)
	}
	return f, nil
}

func (f filter) match(r *region, now time.Time) bool {
	for _, t := range f {
		if !t(r, now) {
			return false
		}
	}
	return true
}

// splitWords splits at blanks outside of double quotes, and takes the quotes away.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	for _, c := range []byte(s) {
		switch {
		case c == '"':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteByte(c)
			any = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("filter %s: a quote is not closed", s)
	}
	if any {
		words = append(words, word.String())
	}
	return words, nil
}

func parseTerm(word string) (term, error) {
	name, op, text := cutOperator(word)
	if op == "" {
		g, err := parseGlob(word)
		if err != nil {
			return nil, err
		}
		return func(r *region, _ time.Time) bool { return g.match(r.Path) }, nil
	}
	c, ok := columnNamed(name)
	if !ok {
		return nil, unknownColumn(name)
	}
	if c.kind == kindText {
		return textTerm(c, op, text)
	}
	want, err := c.kind.parse(text)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", word, err)
	}
	return func(r *region, now time.Time) bool { return holds(cmp.Compare(c.number(r, now), want), op) }, nil
}

// cutOperator splits at the first operator, which must stand behind a word.
func cutOperator(word string) (name, op, value string) {
	i := strings.IndexAny(word, "=<>!")
	if i <= 0 {
		return "", "", ""
	}
	op = word[i : i+1]
	if strings.HasPrefix(word[i+1:], "=") && op != "=" {
		op += "="
	}
	if op == "!" {
		return "", "", ""
	}
	return word[:i], op, word[i+len(op):]
}

// textTerm compares with a pattern, for there is no order of texts that anybody would ask for.
func textTerm(c column, op, text string) (term, error) {
	if op != "=" && op != "!=" {
		return nil, fmt.Errorf("filter: %s is a text, it can be = or !=", c.name)
	}
	match := func(s string) bool { return s == text }
	if strings.ContainsAny(text, "*?[") {
		g, err := parseGlob(text)
		if err != nil {
			return nil, err
		}
		match = g.match
	}
	return func(r *region, _ time.Time) bool { return match(c.text(r)) == (op == "=") }, nil
}

func holds(order int, op string) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func unknownColumn(name string) error {
	var known []string
	for _, c := range columns() {
		known = append(known, c.name)
	}
	if near := nearest(name, known); near != "" {
		return fmt.Errorf("unknown column %q, did you mean %s?", name, near)
	}
	return fmt.Errorf("unknown column %q", name)
}
