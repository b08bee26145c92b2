package regions

import (
	"context"
	"path"
	"time"
)

// lookAgain is after how long a region, or all below a directory, is looked at again, where the server had not what that takes.
const lookAgain = time.Second

// lookBelow looks at all that is below a directory.
func (c *Caretaker) lookBelow(ctx context.Context, dir NodeID) {
	err := c.m.Arena.Walk(ctx, dir, func(it Item) error {
		switch {
		case it.Attr.IsDir():
			c.review(it.Attr.Node, note{directory: true})
		case it.Attr.IsRegion():
			c.review(it.Attr.Node, note{named: true, place: Place{it.Parent, path.Base(it.Path)}, maker: it.Record})
		}
		return nil
	})
	if cannotTell(err) {
		time.AfterFunc(lookAgain, func() { c.m.lives.changedBelow(dir) })
	}
}
