package accounts

// Held is what somebody holds of an account.
type Held struct {
	Subject
	Amount int64
}

// holders are who is named beside an account that is full: what a person can do something about.
var holders = [kinds]Kind{Mount: OfUser, OfDirectory: OfUser, OfUser: OfDirectory, OfGroup: OfUser, OfOwner: OfDirectory, OfCgroup: OfOwner,
	OfLabel: OfOwner}

// pause is after how many files, of some 20 ns each, a search lets others go first.
const pause = 256

// Most answers who holds the most of an account; false if nobody does. It looks at all files that there are, so it is for
// who reads of a refusal and not for who is refused.
func (b *Book) Most(k Kind, id uint64, what What) (most Held, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(k, id)
	if a == nil {
		return most, false
	}
	sums := map[*account]int64{}
	looked := 0
	for _, f := range b.files {
		if looked++; looked%pause == 0 {
			b.mu.Unlock()
			b.mu.Lock()
		}
		if n := f.of(what); n > 0 && f.countsIn(a) {
			if h := f.holder(holders[k]); h != nil {
				sums[h] += n
			}
		}
	}
	for h, n := range sums {
		if n > most.Amount || n == most.Amount && h.id < most.ID {
			most = Held{Subject{h.kind, h.id, h.name}, n}
		}
	}
	return most, most.Amount > 0
}

// account answers one by its number.
func (b *Book) account(k Kind, id uint64) *account {
	switch k {
	case Mount:
		return b.root
	case OfDirectory:
		return b.dirs[Node(id)]
	}
	return b.subjects[k][id]
}

// of answers what of an account's limit a file takes.
func (f *file) of(what What) int64 {
	switch {
	case what == Bytes:
		return f.promised
	case what == Regions && f.region && !f.nameless, what == Nodes:
		return 1
	}
	return 0
}

func (f *file) countsIn(a *account) bool {
	if a.kind == Mount {
		return true
	}
	var s set
	s.begin()
	s.of(f)
	return s.has(a)
}

func (f *file) holder(k Kind) *account {
	if k == OfDirectory {
		return f.home
	}
	return f.owners[k-OfUser]
}
