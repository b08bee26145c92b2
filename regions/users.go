package regions

import "sync"

// users knows which regions somebody has open, or may still have mapped.
//
// A release is not the end of a use: with FUSE passthrough it arrives at close although mappings live on (Linux
// fs/fuse/passthrough.c: the mapping holds the backing file only). So a released region is first idle, then, when
// idleRegions others were released after it, asked for: free ones are forgotten, mapped ones kept.
type users struct {
	shards [shardCount]userShard

	probe   func(NodeID) (bool, error) // whether the kernel has it open or mapped; nil: never after the last release
	unhold  func(NodeID)               // told, under the shard's lock, to let go of what the probe would count as a user
	freed   func(NodeID)               // told, under the shard's lock, that nobody holds the region
	written func(NodeID)               // told, under the shard's lock, that no more writes are to come unseen

	idleMu sync.Mutex // guards idle and next; taken alone
	idle   [idleRegions]NodeID
	next   int
}

// idleRegions is how many released regions are kept as they were opened, so that opening one again is cheap.
const idleRegions = 16384

type userShard struct {
	mu    sync.Mutex // guards users; held over a probe (some microseconds); the front end's backing lock is taken below it
	users map[NodeID]*user
	// ending has the regions whose end has begun: they cannot be opened any more.
	ending map[NodeID]struct{}
	// sealed has regions that were sealed since the server started: they cannot be opened for writing.
	sealed map[NodeID]struct{}
}

type user struct {
	opens, writers int32
	forgotten      bool // the kernel forgot the node before the last release arrived
	wrote          bool // it was open for writing: what it holds may have grown unseen
	idle           bool // it stands in the ring of idle regions
}

func newUsers(probe func(NodeID) (bool, error)) *users {
	nothing := func(NodeID) {}
	u := &users{probe: probe, unhold: nothing, freed: nothing, written: nothing}
	for i := range u.shards {
		u.shards[i].users = make(map[NodeID]*user)
	}
	return u
}

// Use is who has a region.
type Use struct {
	Opens, Writers int  // descriptors that were opened through us and not released
	InUse          bool // open or mapped
}

// opened answers false for a region whose end has begun, and to writers for one that was sealed.
func (u *users) opened(n NodeID, writer bool) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ending := s.ending[n]; ending {
		return false
	}
	if _, sealed := s.sealed[n]; sealed && writer {
		return false
	}
	x := s.users[n]
	if x == nil {
		x = &user{}
		s.users[n] = x
	}
	x.opens++
	if writer {
		x.writers++
		x.wrote = true
	}
	return true
}

// beginEnd keeps a region that nobody has from being opened, until endEnd. False if somebody has it.
func (u *users) beginEnd(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x != nil && x.opens > 0 {
		return false
	}
	if u.probe != nil {
		u.unhold(n)
		if held, err := u.probe(n); err != nil || held {
			return false
		}
	}
	if x != nil {
		u.freeLocked(s, n)
	}
	if s.ending == nil {
		s.ending = map[NodeID]struct{}{}
	}
	s.ending[n] = struct{}{}
	return true
}

// endEnd says that a region is gone, or stays after all.
func (u *users) endEnd(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ending, n)
}

// isOpen answers whether a descriptor is open: its release will be told.
func (u *users) isOpen(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	return x != nil && x.opens > 0
}

// released answers whether the kernel forgot the node already: requests that nobody waits for overtake each other.
func (u *users) released(n NodeID, writer bool) (forgotten bool) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	x := s.users[n]
	if x == nil || x.opens == 0 {
		s.mu.Unlock()
		return false
	}
	x.opens--
	if writer {
		x.writers--
	}
	last := x.opens == 0
	forgotten = last && x.forgotten
	enters := last && u.probe != nil && !x.idle
	if enters {
		x.idle = true
	}
	if last && u.probe == nil {
		u.freeLocked(s, n)
	}
	s.mu.Unlock()
	if enters {
		u.leaveIdle(u.makeIdle(n))
	}
	return forgotten
}

// forgotten takes note that the kernel does not know n any more, and answers whether it is open all the same.
func (u *users) forgotten(n NodeID) (open bool) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x == nil || x.opens == 0 {
		return false
	}
	x.forgotten = true
	return true
}

// found takes note that somebody has n who did not open it through us.
func (u *users) found(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[n] == nil {
		s.users[n] = &user{wrote: true}
	}
}

// makeIdle puts n behind the other idle regions and answers the one that falls out in front.
func (u *users) makeIdle(n NodeID) NodeID {
	u.idleMu.Lock()
	defer u.idleMu.Unlock()
	oldest := u.idle[u.next]
	u.idle[u.next] = n
	u.next = (u.next + 1) % idleRegions
	return oldest
}

// leaveIdle settles a region that fell out of the ring. One that is used again enters with its next release.
func (u *users) leaveIdle(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	if x := s.users[n]; x != nil {
		x.idle = false
	}
	s.mu.Unlock()
	u.settle(n)
}

// settle forgets n if nobody holds it, and answers whether somebody does.
func (u *users) settle(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x == nil {
		return false
	}
	if x.opens > 0 {
		return true
	}
	if u.probe != nil {
		u.unhold(n)
		if held, err := u.probe(n); err == nil && held {
			return true
		}
	}
	u.freeLocked(s, n)
	return false
}

func (u *users) freeLocked(s *userShard, n NodeID) {
	if s.users[n].wrote {
		u.written(n)
	}
	delete(s.users, n)
	u.freed(n)
}

// use answers who has n, asking the kernel where the counts do not tell.
func (u *users) use(n NodeID) Use {
	held := u.settle(n)
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x == nil {
		return Use{}
	}
	return Use{Opens: int(x.opens), Writers: int(x.writers), InUse: held || x.opens > 0}
}

// held answers how many regions are in use and how many descriptors are open. It asks the kernel for each region that
// was released and is not yet settled: at most idleRegions and those that are mapped.
func (u *users) held() (regions, opens int) {
	for i := range u.shards {
		for _, n := range u.shards[i].nodes() {
			if x := u.use(n); x.InUse {
				regions++
				opens += x.Opens
			}
		}
	}
	return regions, opens
}

// unseen answers the regions that are, or were, open for writing and are not settled.
func (u *users) unseen() []NodeID {
	var all []NodeID
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		for n, x := range s.users {
			if x.wrote {
				all = append(all, n)
			}
		}
		s.mu.Unlock()
	}
	return all
}

func (s *userShard) nodes() []NodeID {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]NodeID, 0, len(s.users))
	for n := range s.users {
		all = append(all, n)
	}
	return all
}
