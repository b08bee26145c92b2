package accounts

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Owner is to whom a region belongs beside its directories. Process 0 is nobody, and "" no cgroup.
type Owner struct {
	User, Group, Process uint32
	Cgroup               string // path of the one that the process was in
	// Labels are key=value, MostLabels at most; nil where nothing is told of them.
	Labels []string
}

// MostLabels is how many labels a region may have.
const MostLabels = 4

// subjectKind is a kind of account beside the mount's and directories'.
type subjectKind struct {
	kind Kind
	// passing says that there is no end to them: one that holds nothing is forgotten.
	passing bool
	// of tells which one an owner has: by a number, or by a name where named is set; false for none. Nil for labels, of
	// which there may be several.
	of func(o *Owner) (id uint64, name string, ok bool)
	// named refuses what is no name; nil where they are told by number.
	named func(name string) error
	// above answers the name of the one above it, in which it counts too: "" for none. Nil where none is.
	above func(name string) string
}

// subjectKinds are all of them, in the order of Kind. One more is a constant of Kind with its name, a line here, and a
// field of Owner.
var subjectKinds = [kinds - OfUser]subjectKind{
	{kind: OfUser, of: func(o *Owner) (uint64, string, bool) { return uint64(o.User), "", true }},
	{kind: OfGroup, of: func(o *Owner) (uint64, string, bool) { return uint64(o.Group), "", true }},
	{kind: OfOwner, passing: true, of: func(o *Owner) (uint64, string, bool) { return uint64(o.Process), "", o.Process != 0 }},
	{kind: OfCgroup, passing: true, of: func(o *Owner) (uint64, string, bool) { return 0, o.Cgroup, o.Cgroup != "" },
		named: checkPath, above: pathAbove},
	{kind: OfLabel, passing: true, named: checkLabel},
}

// SubjectKinds lists the kinds of accounts that have limits of their own beside directories.
func SubjectKinds() []Kind {
	all := make([]Kind, len(subjectKinds))
	for i, k := range subjectKinds {
		all[i] = k.kind
	}
	return all
}

func (k Kind) subject() *subjectKind { return &subjectKinds[k-OfUser] }

// Named reports whether accounts of a kind are told by a name, and not by a number.
func (k Kind) Named() bool { return k >= OfUser && k.subject().named != nil }

// checkPath takes a path as /proc/PID/cgroup has it: with /.. in front where it is not below the root that the server
// sees (cgroup_namespaces(7)).
func checkPath(name string) error {
	inside := name
	for strings.HasPrefix(inside, "/../") {
		inside = inside[len("/.."):]
	}
	if !strings.HasPrefix(inside, "/") || path.Clean(inside) != inside || strings.ContainsAny(name, "\n\x00") {
		return fmt.Errorf("%q: want a path such as /system.slice/job.service", name)
	}
	return nil
}

func checkLabel(name string) error {
	if key, value, ok := strings.Cut(name, "="); !ok || key == "" || value == "" || strings.ContainsAny(name, " ,\"\n\x00") {
		return fmt.Errorf("%q: want a label such as run=7", name)
	}
	return nil
}

func pathAbove(name string) string {
	if name == "/" || strings.HasPrefix(name, "/../") {
		return ""
	}
	return path.Dir(name)
}

// Subject says whose account is meant: Name where the kind is a named one, else ID.
type Subject struct {
	Kind Kind
	ID   uint64
	Name string
}

// Numbered is a user, a group or a process.
func Numbered(k Kind, id uint32) Subject { return Subject{Kind: k, ID: uint64(id)} }

// Named is one that is told by a name.
func Named(k Kind, name string) Subject { return Subject{Kind: k, ID: nameID(name), Name: name} }

// ParseSubject reads a subject's number or name.
func ParseSubject(k Kind, text string) (Subject, error) {
	if k.Named() {
		return Named(k, text), k.subject().named(text)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return Subject{}, fmt.Errorf("%s %q: want a number", k, text)
	}
	return Numbered(k, uint32(n)), nil
}

// Text is what ParseSubject reads.
func (s Subject) Text() string {
	if s.Kind.Named() {
		return s.Name
	}
	return strconv.FormatUint(s.ID, 10)
}

// nameID makes a number of a name: the same in every server, and none that somebody could choose.
func nameID(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:])
}

// owners are the accounts that a file counts in beside its directories, in the order of subjectKinds. Those of labels are
// the last ones.
type owners [OfLabel - OfUser + MostLabels]*account

// nobody are the owners of what has none.
var nobody owners

// owners answers the accounts of an owner; those that the owner does not tell are as they were.
func (b *Book) owners(o Owner, before *owners) *owners {
	were := *before
	for i := range subjectKinds {
		if subjectKinds[i].of == nil {
			continue
		}
		if id, name, ok := subjectKinds[i].of(&o); ok {
			were[i] = b.subject(subjectKinds[i].kind, id, name)
		}
	}
	if o.Labels == nil {
		return b.shared(&were)
	}
	labels := were[OfLabel-OfUser:]
	clear(labels)
	for i, name := range o.Labels[:min(len(o.Labels), MostLabels)] {
		labels[i] = b.subject(OfLabel, 0, name)
	}
	return b.shared(&were)
}

// lately are owners that were asked for last, by their process and their user: what somebody makes has the same ones.
type lately [256]*owners

// shared answers the same for the same owners, if they were asked for lately.
func (b *Book) shared(o *owners) *owners {
	i := uint64(0)
	for _, a := range o {
		if a != nil {
			i = i*31 + a.id
		}
	}
	last := &b.lately[i%uint64(len(b.lately))]
	if *last == nil || **last != *o {
		own := *o
		*last = &own
	}
	return *last
}

// subject answers an account, a new one if there was none.
func (b *Book) subject(k Kind, id uint64, name string) *account {
	if name != "" {
		if a := b.named[k][name]; a != nil {
			return a
		}
		id = nameID(name)
	} else if a := b.subjects[k][id]; a != nil {
		return a
	}
	a := &account{kind: k, id: id, name: name}
	b.know(a)
	if above := k.subject().above; above != nil {
		if up := above(name); up != "" {
			a.parent = b.subject(k, 0, up)
		}
	}
	return a
}

// know takes an account in.
func (b *Book) know(a *account) {
	a.forgotten = false
	a.settings.Limits = b.limitsOf(a)
	b.subjects[a.kind][a.id] = a
	b.written(a)
	if a.name != "" {
		b.named[a.kind][a.name] = a
	}
}

// forgetEmpty forgets an account that holds nothing, where there is no end to them. Those above it hold as much at
// least. What is taken away to be counted anew makes it known again.
func (b *Book) forgetEmpty(a *account) {
	if a.kind >= OfUser && a.kind.subject().passing && a.used == (Amount{}) && !b.adopting && b.subjects[a.kind][a.id] == a {
		b.unwritten(a)
		a.forgotten = true
		delete(b.subjects[a.kind], a.id)
		delete(b.named[a.kind], a.name)
	}
}

// limitsOf answers an account's own limits, or those of all of its kind. These do not hold for user and group 0.
func (b *Book) limitsOf(a *account) Limits {
	if l, ok := b.explicit[Subject{a.kind, a.id, a.name}]; ok {
		return l
	}
	if of := b.patterns[a.kind]; of != nil && a.name != "" {
		return of(a.name)
	}
	if a.id == 0 {
		return Limits{}
	}
	return b.defaults[a.kind]
}

// SetDefaults says what holds where nothing is set for each user, group or process.
func (b *Book) SetDefaults(k Kind, l Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.defaults[k] = l
	b.limitAnew(k)
}

// SetPatterns says what holds where nothing is set for those of a kind that are told by a name.
func (b *Book) SetPatterns(k Kind, of func(name string) Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.patterns[k] = of
	b.limitAnew(k)
}

func (b *Book) limitAnew(k Kind) {
	for _, a := range b.subjects[k] {
		a.settings.Limits = b.limitsOf(a)
		b.written(a)
	}
}

// SetLimits sets the limits of a user, group, ...; nil takes them away, so that those of all hold.
func (b *Book) SetLimits(s Subject, l *Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l == nil {
		delete(b.explicit, s)
	} else {
		b.explicit[s] = *l
	}
	if a := b.subjects[s.Kind][s.ID]; a != nil {
		a.settings.Limits = b.limitsOf(a)
		b.written(a)
		b.noted(a)
	}
}

// Explicit answers the limits that were set for single users, groups, ...
func (b *Book) Explicit() map[Subject]Limits {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[Subject]Limits, len(b.explicit))
	for s, l := range b.explicit {
		all[s] = l
	}
	return all
}
