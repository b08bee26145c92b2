//go:build !linux

package probe

import "errors"

type noTrials struct{}

var _ Trials = noTrials{}

// Here answers the trials of this machine: there is nothing to try where no mount is possible.
func Here() Trials { return noTrials{} }

func (noTrials) OpenFUSE() error    { return errors.ErrUnsupported }
func (noTrials) Passthrough() error { return errors.ErrUnsupported }
func (noTrials) Tmpfs(string) error { return errors.ErrUnsupported }
func (noTrials) UserXattr() error   { return errors.ErrUnsupported }
func (noTrials) Pressure() error    { return errors.ErrUnsupported }
