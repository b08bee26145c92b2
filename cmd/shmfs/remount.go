package main

import (
	"context"

	"github.com/shmfs/shmfs/control"
	"github.com/shmfs/shmfs/policy"
)

// change sets what the options of `mount -o remount,size=16G` say in the mount that is there. It refuses what cannot
// change while mounted before it changes anything.
func (o *mountOptions) change(ctx context.Context, sh *shell) error {
	point, err := sh.finder.point(o.point)
	if err != nil {
		return err
	}
	_, err = ask(ctx, point, func() (struct{}, error) { return struct{}{}, o.apply(point) })
	return err
}

func (o *mountOptions) apply(point string) error {
	c, err := control.Open(point)
	if err != nil {
		return err
	}
	old, err := configOf(c)
	if err != nil {
		return err
	}
	next := old
	if err := o.overrides.apply(&next); err != nil {
		return err
	}
	next.AllowOther = old.AllowOther // mount(8) repeats it from the mount table, where "auto" is decided
	live, fixed := policy.Diff(old, next)
	if len(fixed) > 0 {
		return usageError("unmount and mount anew", "cannot change while mounted: %s", join(fixed))
	}
	for _, key := range live {
		if err := c.Set(key, next.Get(key)); err != nil {
			return err
		}
	}
	return nil
}
