package accounts

// changes are what an update does to accounts: few, so they are searched one by one.
type changes struct {
	list  []change
	buf   [24]change
	after set // of step
}

type change struct {
	account *account
	by      Amount
	before  int64 // bytes that counted against its limit
}

func (c *changes) begin() { c.list = c.buf[:0] }

// add adds to an account.
func (c *changes) add(a *account, by Amount) {
	for i := range c.list {
		if c.list[i].account == a {
			c.list[i].by.add(by)
			return
		}
	}
	c.list = append(c.list, change{account: a, by: by})
}

// set is a set of accounts: those that something counts in.
type set struct {
	list []*account
	buf  [24]*account
}

func (s *set) begin() { s.list = s.buf[:0] }

func (s *set) has(a *account) bool {
	for _, x := range s.list {
		if x == a {
			return true
		}
	}
	return false
}

// above adds an account and all that are above it.
func (s *set) above(a *account) {
	for ; a != nil && !s.has(a); a = a.parent {
		s.list = append(s.list, a)
		if a.also != nil {
			s.above(a.also)
		}
	}
}

// of adds all accounts that a file counts in.
func (s *set) of(f *file) {
	s.above(f.home)
	for _, a := range f.rare().more {
		s.above(a)
	}
	for _, a := range f.owners {
		s.above(a)
	}
	heirs := f.rare().heirs
	if heirs == nil {
		return
	}
	for _, a := range heirs {
		s.above(a)
	}
}

// charge adds an amount to accounts.
func (c *changes) charge(all []*account, by Amount) {
	for _, a := range all {
		c.add(a, by)
	}
}

// scratch is memory for what is done most often, so that nobody waits for a collection of garbage below the lock.
type scratch struct {
	changes, became changes
	set, before     set
}

// counts answers the accounts that a file counts in, until it is called again.
func (b *Book) counts(f *file) []*account {
	s := &b.scratch.set
	s.begin()
	s.of(f)
	return s.list
}

// step adds what differs between what a file counted before, in the accounts of then, and what it counts now.
func (c *changes) step(before *set, was Amount, f *file) {
	after := &c.after
	after.begin()
	after.of(f)
	now, more := f.amount(), f.amount()
	more.add(was.minus())
	for _, a := range after.list {
		switch {
		case !before.has(a):
			c.add(a, now)
		case more != Amount{}:
			c.add(a, more)
		}
	}
	for _, a := range before.list {
		if !after.has(a) {
			c.add(a, was.minus())
		}
	}
}

// become changes a file, and charges what differs by that: at once, so that nothing is seen to hold less, or more, in between.
func (b *Book) become(f *file, force bool, change func()) *Exceeded {
	before, c := &b.scratch.before, &b.scratch.became
	before.begin()
	before.of(f)
	was := f.amount()
	change()
	c.begin()
	c.step(before, was, f)
	return b.apply(c, force)
}

// apply does all changes, or none of them if one would exceed a limit.
func (b *Book) apply(c *changes, force bool) *Exceeded {
	b.prepare(c)
	for i := range c.list {
		b.change(c.list[i].account, c.list[i].by)
	}
	if !force {
		if e := b.checkAll(c); e != nil {
			b.undo(c)
			return e
		}
	}
	b.notedAll(c)
	return nil
}

// prepare is called before changes.
func (b *Book) prepare(c *changes) {
	for i := range c.list {
		if a := c.list[i].account; a.forgotten {
			b.know(a)
		}
		b.pacing(c.list[i].account)
		c.list[i].before = c.list[i].account.committed()
	}
}

func (b *Book) checkAll(c *changes) *Exceeded {
	for i := range c.list {
		if e := b.check(&c.list[i]); e != nil {
			return e
		}
	}
	return nil
}

func (b *Book) notedAll(c *changes) {
	for i := range c.list {
		b.noted(c.list[i].account)
	}
}

// undo takes changes back.
func (b *Book) undo(c *changes) {
	for i := range c.list {
		b.change(c.list[i].account, c.list[i].by.minus())
		b.forgetEmpty(c.list[i].account)
	}
}

func (b *Book) change(a *account, by Amount) {
	a.used.add(by)
	if b.adopting {
		a.found.add(by)
	}
	if a.sum != nil && !b.unwriting {
		a.sum.store(a)
	}
	if b.reserves > 0 {
		a.refresh()
	}
}

// refresh tells the directories above what is reserved and not used.
func (a *account) refresh() {
	for ; a.parent != nil; a = a.parent {
		own := a.slack
		if a.settings.Reserve > 0 {
			own = max(a.settings.Reserve, a.used.Bytes+a.slack) - a.used.Bytes
		}
		if own == a.own {
			return
		}
		a.parent.slack += own - a.own
		a.own = own
	}
}

// committed is what counts against the limit of bytes.
func (a *account) committed() int64 {
	if a.kind == Mount {
		return a.used.Bytes + a.used.Copies + a.slack
	}
	return a.used.Bytes + a.slack
}

// check asks whether what was added is within the limits. Bytes come before counts. What pays from a reservation adds
// nothing to what counts above it.
func (b *Book) check(c *change) *Exceeded {
	a, l := c.account, c.account.settings.Limits
	if a == b.root && l.Bytes == 0 {
		l.Bytes = mostOfAll
	}
	for _, x := range [...]struct {
		what              What
		limit, used, more int64
	}{
		{Bytes, l.Bytes, a.committed(), a.committed() - c.before},
		{Regions, l.Regions, a.used.Regions, c.by.Regions},
		{Nodes, l.Nodes, a.used.Nodes, c.by.Nodes},
	} {
		if x.limit == 0 || x.more <= 0 || x.used <= x.limit && !a.blank {
			continue
		}
		e := &Exceeded{Kind: a.kind, ID: a.id, Name: a.name, What: x.what, Limit: x.limit, Used: x.used - x.more, Asked: x.more}
		if x.what == Bytes {
			e.Kept = a.slack
			if a.kind == Mount {
				e.Twice = a.used.Copies
			}
		}
		return e
	}
	return nil
}

// noted keeps the marks of an account.
func (b *Book) noted(a *account) {
	a.peak.Bytes = max(a.peak.Bytes, a.used.Bytes)
	a.peak.Regions = max(a.peak.Regions, a.used.Regions)
	b.forgetEmpty(a)
	l := &a.settings.Limits
	if l.SoftBytes > 0 || a.warned.bytes {
		b.warn(a, Bytes, l.SoftBytes, a.used.Bytes, &a.warned.bytes)
	}
	if l.SoftRegions > 0 || a.warned.regions {
		b.warn(a, Regions, l.SoftRegions, a.used.Regions, &a.warned.regions)
	}
}

// warn tells that a soft limit is passed: once, until it is not any more.
func (b *Book) warn(a *account, what What, limit, used int64, warned *bool) {
	passed := limit > 0 && used > limit
	if passed && !*warned {
		b.tell(Crossing{Kind: a.kind, ID: a.id, Name: a.name, What: what, Limit: limit, Used: used})
	}
	*warned = passed
}

func (b *Book) tell(c Crossing) {
	b.passed.Store(true)
	b.crossed = append(b.crossed, c)
}

// Crossings answers what there was to warn of since the last call.
func (b *Book) Crossings() []Crossing {
	if !b.passed.Swap(false) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.crossed
	b.crossed = nil
	return all
}
