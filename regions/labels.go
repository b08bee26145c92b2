package regions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shmfs/shmfs/regions/accounts"
)

// LabelsXattr has the labels of a region, which it got when it was made: run=7,worker=3. Of a directory, it has those that
// regions get that are made below it.
const LabelsXattr = "user.shmfs.labels"

// RunLabel is the key of the label that says to which run of a program a region belongs.
const RunLabel = "run"

// Bounds of labels.
const (
	MostLabels   = accounts.MostLabels
	longestLabel = 64 // bytes of a key, or of a value
)

// ParseLabels reads key=value, with commas between several. A key is of lower-case letters, digits, - and _; a value of
// what can be printed in ASCII but commas, quotes, = and spaces.
func ParseLabels(s string) (map[string]string, error) {
	all := map[string]string{}
	for word := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(word, "=")
		if !ok || !labelWord(key, "_-", false) || !labelWord(value, "!#$%&()*+-./:;<>?@[]^_{|}~", true) {
			return nil, fmt.Errorf("label %q: want a key and a value such as run=7", word)
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("labels %q: %s has two values", s, key)
		}
		all[key] = value
	}
	if len(all) > MostLabels {
		return nil, fmt.Errorf("%d labels: there may be %d", len(all), MostLabels)
	}
	return all, nil
}

func labelWord(s, more string, upper bool) bool {
	if s == "" || len(s) > longestLabel {
		return false
	}
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || upper && r >= 'A' && r <= 'Z'
		if !letter && !strings.ContainsRune(more, r) {
			return false
		}
	}
	return true
}

// SetLabeler sets who knows the labels of the regions that a process makes; nil for none. It is asked while the process
// waits.
func (m *Manager) SetLabeler(of func(pid uint32) string) {
	if of == nil {
		m.labeler.Store(nil)
		return
	}
	m.labeler.Store(&of)
}

// SetCollectRuns says whether what is left of runs whose processes are gone ends when a server begins, and when a run does.
func (m *Manager) SetCollectRuns(collect bool) { m.lives.collectRuns.Store(collect) }

// newLabels answers the labels of a region that is to be made: those of its process, and of the nearest directory that
// has some, where the process has none of the key.
func (m *Manager) newLabels(dir NodeID, pid uint32) string {
	if m.labeler.Load() == nil && !m.lives.labels.Load() {
		return ""
	}
	var words []string
	if of := m.labeler.Load(); of != nil && pid != 0 {
		if s := (*of)(pid); s != "" {
			words = strings.Split(s, ",")
		}
	}
	if m.lives.labels.Load() {
		own := map[string]bool{}
		for _, w := range words {
			key, _, _ := strings.Cut(w, "=")
			own[key] = true
		}
		above, _ := m.above(dir, func(s *saying) bool { return s.labels != "" })
		for w := range strings.SplitSeq(above.labels, ",") {
			if key, _, ok := strings.Cut(w, "="); ok && !own[key] && len(words) < MostLabels {
				words = append(words, w)
			}
		}
	}
	return strings.Join(words, ",")
}

// label gives a new region its labels, and answers whether it has them: one that cannot keep them is made without.
func (m *Manager) label(node NodeID, text string) bool {
	if m.Arena.Setxattr(node, LabelsXattr, []byte(text), 0) != nil {
		return false
	}
	if all, err := ParseLabels(text); err == nil && all[RunLabel] != "" {
		m.lives.runs(all[RunLabel])
	}
	return true
}

// ownLabels answers the labels of a region as it has them itself: those that it counts for.
func (m *Manager) ownLabels(node NodeID) string {
	text, err := m.Arena.Getxattr(node, LabelsXattr)
	if err != nil {
		return ""
	}
	return string(text)
}

// labelSubjects answers the accounts that labels mean, nil where there is none.
func labelSubjects(text string) []string {
	if text == "" {
		return nil
	}
	all, err := ParseLabels(text)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		names = append(names, key+"="+all[key])
	}
	return names
}

// relabel gives a region other labels, value nil for none, and stores them by store. There must be room for it in the
// accounts of the new ones.
func (m *Manager) relabel(a *Attr, value []byte, store func() error) error {
	next := owner(a, &Record{}, string(value))
	if next.Labels == nil {
		next.Labels = []string{}
	}
	var claim *accounts.Claim
	err := m.ask(func() (e *accounts.Exceeded) {
		claim, e = m.accounts.Chown(accounts.Node(a.Node), next)
		return e
	})
	if err != nil {
		return err
	}
	if err := store(); err != nil {
		claim.Undo()
		return err
	}
	claim.Keep()
	return nil
}

// Labels answers the labels of a region: its own, or else those of the nearest directory that has some.
func (m *Manager) Labels(node NodeID) map[string]string {
	s, _ := m.nearest(node, func(s *saying) bool { return s.labels != "" })
	all, _ := ParseLabels(s.labels)
	return all
}

// knownRuns is how many runs are remembered as begun.
const knownRuns = 4096

// runs takes note of a region of a run: the first one begins it.
func (l *lives) runs(run string) {
	if !l.collectRuns.Load() {
		return
	}
	l.mu.Lock()
	_, known := l.known[run]
	if len(l.known) >= knownRuns {
		clear(l.known)
	}
	l.known[run] = struct{}{}
	if !known {
		l.begun[run] = struct{}{}
	}
	l.mu.Unlock()
	if !known {
		l.wake()
	}
}

// begins answers the runs that began since it was last asked.
func (l *lives) begins() map[string]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.begun) == 0 {
		return nil
	}
	begun := l.begun
	l.begun = map[string]struct{}{}
	return begun
}

// collectRuns ends what is left of runs whose processes are gone, save of those that have just begun: the process that made
// the first region of one may have ended already, and another one goes on.
func (c *Caretaker) collectRuns(ctx context.Context, begun map[string]struct{}) {
	if c.m.lives.collectRuns.Load() {
		c.EndChosen(ctx, Choice{Below: RootNode, Runs: true, begun: begun}, "what is left of a run whose processes are gone")
	}
}

// living remembers of owners whether they live, in steps of a second of when they were seen.
type living struct {
	c     *Caretaker
	known map[WhoOwns]bool
}

// lives answers whether an owner lives; known says whether it can be told.
func (l *living) lives(o WhoOwns) (lives, known bool) {
	if !o.known() {
		return false, false
	}
	key := o
	key.Since = o.Since.Truncate(time.Second)
	lives, seen := l.known[key]
	if !seen {
		cancel, here, err := l.c.watch(o, func() {})
		if err == nil && here {
			cancel()
		}
		lives = err != nil || here
		l.known[key] = lives
	}
	return lives, true
}

// overRuns answers the runs of which no process lives, among those that made regions.
func (c *Caretaker) overRuns(ctx context.Context, from NodeID, alive *living) (map[string]bool, error) {
	over := map[string]bool{}
	err := c.m.Arena.Walk(ctx, from, func(it Item) error {
		if !it.Attr.IsRegion() {
			return ctx.Err()
		}
		run := c.m.Labels(it.Attr.Node)[RunLabel]
		if run == "" {
			return ctx.Err()
		}
		lives, known := alive.lives(WhoOwns{ID: it.Record.PID, Since: it.Record.Uptime})
		before, seen := over[run]
		over[run] = (before || !seen) && known && !lives
		return ctx.Err()
	})
	if errors.Is(err, NotDir) {
		err = nil
	}
	return over, err
}
