//go:build !linux

package main

import "context"

// noMounter is for systems where shmfs cannot be mounted yet.
type noMounter struct{}

var (
	_ mounter   = noMounter{}
	_ unmounter = noMounter{}
	_ checker   = noMounter{}
	_ programs  = noMounter{}
)

func newMounter() mounter { return noMounter{} }

func newUnmounter() unmounter { return noMounter{} }

func newChecker() checker { return noMounter{} }

func newPrograms() programs { return noMounter{} }

func (noMounter) start(context.Context, mountOptions) (mounted, error) { return mounted{}, notHere() }

func (noMounter) serve(context.Context, *shell, mountOptions, func(mounted) error) error {
	return notHere()
}

func (noMounter) serveBehind(context.Context, *shell, mountOptions) error { return notHere() }

func (noMounter) renew(int) error { return notHere() }

func (noMounter) ask(context.Context, string) (build, error) { return build{}, notHere() }

func (noMounter) runs(int, string) (bool, error) { return false, notHere() }

func (noMounter) programOf(int) (string, error) { return "", notHere() }

func (noMounter) unmount(string, bool) error { return notHere() }

func (noMounter) gone(context.Context, int) error { return notHere() }

func (noMounter) left(context.Context, string) error { return notHere() }

func (noMounter) inUse(context.Context, string) ([]string, error) { return nil, notHere() }

func (noMounter) discard(string) error { return notHere() }

func (noMounter) check(context.Context, *shell, string, bool, func(checked) error) error {
	return notHere()
}
