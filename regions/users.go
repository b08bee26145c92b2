package regions

import (
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

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

	writing atomic.Int64  // descriptors that are open for writing
	begins  chan struct{} // gets something with the first of them

	idleMu sync.Mutex // guards idle and next; taken alone
	idle   [idleRegions]NodeID
	next   int

	turn   atomic.Uint32 // shard with which unseen begins
	shared atomic.Bool   // somebody opened a share: see doubt
	asking atomic.Bool   // somebody asks for regions that were in use when they were last asked for
}

// idleRegions is how many released regions are kept as they were opened, so that opening one again is cheap.
const idleRegions = 16384

// lookAfter is how many regions are released before those among them that were written to are looked at for the last
// time. It divides idleRegions.
const lookAfter = 1024

type userShard struct {
	mu     sync.Mutex // guards users; held over a probe (some microseconds); the front end's backing lock is taken below it
	users  map[NodeID]*user
	ending map[NodeID]*ending
	sealed map[NodeID]struct{} // since the server started: they cannot be opened for writing
}

// ending is a region whose end has begun. Who opens it waits for the moment in which its name goes, or does not, because
// whoever is told too early finds the name once more.
type ending struct {
	wrote   bool          // it may have grown unseen
	gone    bool          // its name is
	decided chan struct{} // closed when that is decided
}

type user struct {
	opens, writers int32
	making         bool // one of opens is of who makes it, and has yet to open it
	let            bool // it was found free and let go of, and nobody opened it, or a share of it, since
	free           bool // it was found free, and nobody opened it, or a share of it, since
	held           bool // it was found mapped when it was last asked for
	forgotten      bool // the kernel forgot the node before the last release arrived
	wrote          bool // it was open for writing: what it holds may have grown unseen
	idle           bool // it stands in the ring of idle regions
}

func newUsers(probe func(NodeID) (bool, error)) *users {
	nothing := func(NodeID) {}
	u := &users{probe: probe, begins: make(chan struct{}, 1), unhold: nothing, freed: nothing, written: nothing}
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

// opened answers false for a region that has ended, and to writers for one that was sealed.
func (u *users) opened(n NodeID, writer bool) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	for e := s.ending[n]; e != nil; e = s.ending[n] {
		s.mu.Unlock()
		if <-e.decided; e.gone {
			return false
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if _, sealed := s.sealed[n]; sealed && writer {
		return false
	}
	x := s.users[n]
	if x == nil {
		x = &user{}
		s.users[n] = x
	}
	if !x.making {
		x.opens++
	}
	x.making, x.let, x.free, x.held = false, false, false, false
	if writer {
		x.writers++
		x.wrote = true
		u.writes(1)
	}
	return true
}

// making takes note of a region that is made and about to be opened: it is in use until then.
func (u *users) making(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[n] = &user{opens: 1, making: true}
}

// beginEnd keeps a region that nobody has from being opened, until endEnd: ErrHeld if somebody has it.
func (u *users) beginEnd(n NodeID) error {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x != nil && x.opens > 0 || s.ending[n] != nil {
		return ErrHeld
	}
	if u.probe != nil && (x == nil || !x.let) {
		u.unhold(n)
		held, err := u.probe(n)
		if err == nil && held {
			err = ErrHeld
		}
		if err != nil {
			return err
		}
	}
	if x != nil {
		delete(s.users, n)
		u.freed(n)
	}
	if s.ending == nil {
		s.ending = map[NodeID]*ending{}
	}
	s.ending[n] = &ending{wrote: x != nil && x.wrote, decided: make(chan struct{})}
	return nil
}

// letGo lets go of a region that nobody has, so that little is left to do for what follows. It answers whether somebody
// has it open, or mapped.
func (u *users) letGo(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	if x == nil || u.probe == nil || x.let {
		return false
	}
	if x.opens > 0 {
		return true
	}
	u.unhold(n)
	if held, err := u.probe(n); err != nil || held {
		return err == nil
	}
	u.freed(n)
	x.let = !u.shared.Load()
	return false
}

// isLet answers whether a region was found free, and was not opened since.
func (u *users) isLet(n NodeID) bool {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.users[n]
	return x != nil && x.let
}

// lostName says that a region that is ending has no name any more.
func (u *users) lostName(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending[n].gone = true
	close(s.ending[n].decided)
}

// endEnd says that a region is gone, or stays after all.
func (u *users) endEnd(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.ending[n]
	delete(s.ending, n)
	if e.gone {
		return
	}
	close(e.decided)
	if e.wrote {
		u.written(n)
	}
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
		u.writes(-1)
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
		oldest, batch := u.makeIdle(n)
		u.leaveIdle(oldest)
		if batch != nil {
			go u.quietAll(batch)
		}
	}
	return forgotten
}

// writes counts descriptors that are open for writing.
func (u *users) writes(by int64) {
	if u.writing.Add(by) == 1 && by > 0 {
		u.nudge()
	}
}

// nudge wakes up who watches what grows.
func (u *users) nudge() { offer(u.begins) }

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

// makeIdle puts n behind the other idle regions and answers the one that falls out in front, and now and then the last
// ones that came in.
func (u *users) makeIdle(n NodeID) (oldest NodeID, batch []NodeID) {
	u.idleMu.Lock()
	defer u.idleMu.Unlock()
	oldest = u.idle[u.next]
	u.idle[u.next] = n
	u.next++
	if u.next%lookAfter == 0 {
		batch = slices.Clone(u.idle[u.next-lookAfter : u.next])
	}
	u.next %= idleRegions
	return oldest, batch
}

// leaveIdle settles a region that fell out of the ring. One that is used again enters with its next release.
func (u *users) leaveIdle(n NodeID) {
	s := &u.shards[shardIndex(n)]
	s.mu.Lock()
	x := s.users[n]
	if x != nil {
		x.idle = false
	}
	if x != nil && x.free && x.opens == 0 {
		u.freeLocked(s, n)
		x = nil
	}
	s.mu.Unlock()
	if x != nil {
		u.settle(n)
	}
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
		if held, err := u.probe(n); err == nil && held || cannotTell(err) {
			return true
		}
	}
	u.freeLocked(s, n)
	return false
}

// cannotTell reports whether an answer is none, because the server has not what it takes to ask: so somebody may have it.
// Any other error says that there is no such region, or none that can be asked for.
func cannotTell(err error) bool {
	return errors.Is(err, TooManyFiles) || errors.Is(err, TooManyFilesHere) || errors.Is(err, NoMemory)
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

// unseen answers regions that are, or were, open for writing and may have grown since: all, or if those are more than
// most, about as many, others each time.
func (u *users) unseen(most int) []NodeID {
	return u.which(most, func(x *user) bool { return x.wrote })
}

// writable answers the regions that are open for writing.
func (u *users) writable() []NodeID {
	return u.which(math.MaxInt, func(x *user) bool { return x.writers > 0 })
}

// unsettled answers the regions that are, or were, open for writing and may have grown or got memory since.
func (u *users) unsettled() []NodeID { return u.unseen(math.MaxInt) }

func (u *users) which(most int, fits func(*user) bool) []NodeID {
	var all []NodeID
	from := u.turn.Load()
	for i := range uint32(shardCount) {
		if len(all) >= most {
			u.turn.Store((from + i) % shardCount)
			break
		}
		s := &u.shards[(from+i)%shardCount]
		s.mu.Lock()
		for n, x := range s.users {
			if fits(x) {
				all = append(all, n)
			}
		}
		s.mu.Unlock()
	}
	return all
}
