package ledger

// Layout says how a ledger is laid out: by which release's rules, and from which release on servers understand it.
//
// A release understands what it makes itself, what the release before made, and what a later one made that says so in
// Oldest. So servers of neighbouring releases can replace each other, both ways, and a ledger stays as its keeper made
// it. Farther apart than that, a server refuses it before it has done anything.
type Layout struct {
	Version uint32 `json:"version"`
	Oldest  uint32 `json:"oldest"`
}

// ThisLayout is that of the ledgers that this release makes.
func ThisLayout() Layout { return Layout{version, oldest} }

// Readable answers whether a release that makes ledgers of some version understands this one.
func (l Layout) Readable(version uint32) bool { return l.Oldest <= version && l.Version+1 >= version }
