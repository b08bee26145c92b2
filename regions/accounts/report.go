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
	Growth   Growth
}

func (b *Book) state(a *account) State {
	return State{Kind: a.kind, ID: a.id, Name: a.name, Settings: a.settings, Used: a.used, Kept: a.slack, Peak: a.peak, Growth: b.growth(a)}
}

// Mount answers the mount's own account.
func (b *Book) Mount() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state(b.root)
}

// Account answers the account of a directory, user, ...; false if it has none.
func (b *Book) Account(k Kind, id uint64) (State, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(k, id)
	if a == nil {
		return State{}, false
	}
	return b.state(a), true
}

// Accounts answers all accounts of a kind, in the order of their names or numbers.
func (b *Book) Accounts(k Kind) []State {
	b.mu.Lock()
	var all []State
	switch k {
	case Mount:
		all = append(all, b.state(b.root))
	case OfDirectory:
		for _, a := range b.dirs {
			if a != b.root {
				all = append(all, b.state(a))
			}
		}
	default:
		for _, a := range b.subjects[k] {
			all = append(all, b.state(a))
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
			all = append(all, b.state(a))
		}
	}
	for x, l := range b.explicit {
		a := b.subjects[x.Kind][x.ID]
		if a == nil { // who holds nothing
			a = &account{kind: x.Kind, id: x.ID, name: x.Name, settings: Settings{Limits: l}}
		}
		all = append(all, b.state(a))
	}
	mount := b.state(b.root)
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y State) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	})
	return append([]State{mount}, all...)
}
