package accounts

import (
	"cmp"
	"slices"
)

// State is an account as it is shown.
type State struct {
	Kind     Kind
	ID       uint64
	Name     string // of one that is told by it
	Settings Settings
	Used     Amount
	Kept     int64 // reserved below and not used
	Peak     Amount
}

func (a *account) state() State {
	return State{Kind: a.kind, ID: a.id, Name: a.name, Settings: a.settings, Used: a.used, Kept: a.slack, Peak: a.peak}
}

// Mount answers the mount's own account.
func (b *Book) Mount() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.root.state()
}

// Account answers the account of a directory, user, ...; false if it has none.
func (b *Book) Account(k Kind, id uint64) (State, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(k, id)
	if a == nil {
		return State{}, false
	}
	return a.state(), true
}

// Accounts answers all accounts of a kind, in the order of their names or numbers.
func (b *Book) Accounts(k Kind) []State {
	b.mu.Lock()
	var all []State
	switch k {
	case Mount:
		all = append(all, b.root.state())
	case OfDirectory:
		for _, a := range b.dirs {
			if a != b.root {
				all = append(all, a.state())
			}
		}
	default:
		for _, a := range b.subjects[k] {
			all = append(all, a.state())
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y State) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return all
}

// Limited answers the accounts that have settings of their own, the mount's first.
func (b *Book) Limited() []State {
	b.mu.Lock()
	all := []State{}
	for _, a := range b.dirs {
		if a != b.root && a.settings != (Settings{}) {
			all = append(all, a.state())
		}
	}
	for x, l := range b.explicit {
		s := State{Kind: x.Kind, ID: x.ID, Name: x.Name, Settings: Settings{Limits: l}}
		if a := b.subjects[x.Kind][x.ID]; a != nil {
			s = a.state()
		}
		all = append(all, s)
	}
	mount := b.root.state()
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y State) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	})
	return append([]State{mount}, all...)
}
