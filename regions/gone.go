package regions

import (
	"path"
	"strings"
	"sync"
)

// gone remembers where directories stood that are not there any more, for who tells of what was in them.
type gone struct {
	mu     sync.Mutex // guards the rest; taken alone
	places map[NodeID]Place
	order  []NodeID // the oldest at next, when it is full
	next   int
}

// goneMost is how many are remembered: as many as events are.
const goneMost = 8192

func (g *gone) remember(dir NodeID, at Place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.places == nil {
		g.places = map[NodeID]Place{}
	}
	if len(g.order) < goneMost {
		g.order = append(g.order, dir)
	} else {
		delete(g.places, g.order[g.next])
		g.order[g.next] = dir
		g.next = (g.next + 1) % goneMost
	}
	g.places[dir] = at
}

func (g *gone) place(dir NodeID) (Place, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.places[dir]
	return p, ok
}

// PathOf answers where a name stands, or stood if its directory is gone; for messages.
func (m *Manager) PathOf(dir NodeID, name string) string {
	at := name
	for {
		p, ok := m.gone.place(dir)
		if !ok {
			return path.Join(strings.TrimSuffix(m.Path(dir), " (deleted)"), at)
		}
		dir, at = p.Dir, path.Join(p.Name, at)
	}
}
