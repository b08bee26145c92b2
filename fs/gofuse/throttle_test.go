//go:build linux

package gofuse

import (
	"testing"
	"time"
)

func TestPauseEndsWithASignal(t *testing.T) {
	cancel := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause(cancel, 24*time.Hour)
	}()
	close(cancel)
	<-done
	pause(nil, time.Nanosecond)
}
