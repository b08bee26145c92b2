//go:build !linux

package main

import "testing"

func pretendServer(string) int { return 1 }

func TestWhatNeedsAMountIsRefused(t *testing.T) {
	w := newWorld()
	w.shell.finder, w.shell.mounter, w.shell.unmounter = newFinder(w.root), newMounter(), newUnmounter()
	for _, args := range [][]string{{"mount", "/m"}, {"umount", "/m"}, {"ls"}} {
		if code, _, stderr := w.run(args...); code != exitUnsupported {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
}
