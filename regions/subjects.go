package regions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shmfs/shmfs/regions/accounts"
)

// restoreSubjects takes the limits of users, groups, ... from the root's attribute.
func (m *Manager) restoreSubjects() {
	value, err := m.Arena.Getxattr(RootNode, SubjectsXattr)
	if err == nil || errors.Is(err, NoData) {
		m.takeSubjects(string(value))
	}
}

// takeSubjects sets the limits that lines of "user 1000 bytes=2G" have; what is not in them any more is taken away.
func (m *Manager) takeSubjects(text string) error {
	next, err := parseSubjects(text)
	if err != nil {
		return err
	}
	for x := range m.accounts.Explicit() {
		if _, ok := next[x]; !ok {
			m.accounts.SetLimits(x, nil)
		}
	}
	for x, l := range next {
		m.accounts.SetLimits(x, &l)
	}
	return nil
}

// formatSubjects writes limits as parseSubjects reads them.
func formatSubjects(all map[accounts.Subject]Limits) string {
	var b strings.Builder
	order := func(x, y accounts.Subject) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	}
	for _, x := range slices.SortedFunc(maps.Keys(all), order) {
		if l := all[x]; l != (Limits{}) {
			fmt.Fprintf(&b, "%s %s %s\n", x.Kind, quoted(x.Text()), FormatLimits(l))
		}
	}
	return b.String()
}

// quoted writes a name as one word: in double quotes where it has a space, a quote, or what cannot be printed.
func quoted(name string) string {
	if q := strconv.Quote(name); name == "" || strings.ContainsRune(name, ' ') || q != `"`+name+`"` {
		return q
	}
	return name
}

// cutQuoted reads what quoted writes, and answers what follows it.
func cutQuoted(s string) (name, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		name, rest, _ = strings.Cut(s, " ")
		return name, rest, nil
	}
	prefix, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", fmt.Errorf("a quote that does not end: %q", s)
	}
	name, err = strconv.Unquote(prefix)
	return name, s[len(prefix):], err
}

func parseSubjects(text string) (map[accounts.Subject]Limits, error) {
	all := map[accounts.Subject]Limits{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		x, l, err := parseSubject(line)
		if err != nil {
			return nil, err
		}
		all[x] = l
	}
	return all, nil
}

func parseSubject(line string) (x accounts.Subject, l Limits, err error) {
	word, rest, _ := strings.Cut(line, " ")
	kind, ok := accounts.ParseKind(word)
	if !ok || !slices.Contains(accounts.SubjectKinds(), kind) {
		return x, l, fmt.Errorf("%q: want a line such as: user 1000 bytes=2G", line)
	}
	name, limits, err := cutQuoted(strings.TrimSpace(rest))
	if err != nil {
		return x, l, err
	}
	if x, err = accounts.ParseSubject(kind, name); err != nil {
		return x, l, err
	}
	if l, err = ParseLimits(Limits{}, limits); err == nil && (l.Reserve != 0 || l.Nodes != 0 || l.Throttle != 0) {
		err = fmt.Errorf("%s: reserve, nodes and throttle are for directories", strings.TrimSpace(limits))
	}
	return x, l, err
}

func (m *Manager) setSubject(x accounts.Subject, text string) error {
	m.Settled()
	m.settings.Lock()
	defer m.settings.Unlock()
	all := m.accounts.Explicit()
	l, err := ParseLimits(all[x], text)
	if err != nil {
		return invalid(err)
	}
	all[x] = l
	value := []byte(formatSubjects(all))
	return m.setSubjects(RootNode, value, func() error { return m.Arena.Setxattr(RootNode, SubjectsXattr, value, 0) })
}

func (m *Manager) setSubjects(node NodeID, value []byte, store func() error) error {
	if node != RootNode {
		return &Refusal{Code: NotPermitted, Reason: SubjectsXattr + " is for the root of the mount", Remedy: "set it there"}
	}
	if _, err := parseSubjects(string(value)); err != nil {
		return invalid(err)
	}
	m.takeSubjects(string(value)) // which is written down before it holds for the next server
	err := store()
	if err != nil {
		m.restoreSubjects()
	}
	return err
}
