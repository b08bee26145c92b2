package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shmfs/shmfs/regions"
)

// Current is the configuration that a mounted file system runs with. Its methods may be called at once.
type Current struct {
	change sync.Mutex // one change after the other; held over apply, never by a reader
	config atomic.Pointer[Config]
	apply  func(next Config, changed []string) error
}

// NewCurrent holds c. Each change goes through apply first, which puts the changed keys into effect; if it refuses, the
// configuration stays as it is.
func NewCurrent(c Config, apply func(next Config, changed []string) error) *Current {
	x := &Current{apply: apply}
	x.config.Store(&c)
	return x
}

// Config answers the configuration in effect.
func (x *Current) Config() Config { return *x.config.Load() }

// Encode writes the configuration in effect as TOML.
func (x *Current) Encode() []byte { return x.config.Load().Encode() }

// Set changes one key. Each refusal is a *regions.Refusal, or what apply answered.
func (x *Current) Set(key, value string) error {
	x.change.Lock()
	defer x.change.Unlock()
	k, ok := FindKey(key)
	if !ok {
		return &regions.Refusal{Code: regions.Invalid, Reason: unknownKey(key).Error(),
			Remedy: "keys that can change while mounted: " + strings.Join(liveKeys(), ", ")}
	}
	next := x.Config()
	if err := next.Set(key, value); err != nil {
		return &regions.Refusal{Code: regions.Invalid, Reason: err.Error(), Remedy: k.Name + " takes " + k.Values}
	}
	if !k.Live {
		return &regions.Refusal{Code: regions.Invalid, Reason: fmt.Sprintf("%s cannot change while mounted", k.Name),
			Remedy: "set it in the configuration file or as an option of mount, and mount again; keys that can change " +
				"while mounted: " + strings.Join(liveKeys(), ", ")}
	}
	_, _, err := x.replace(next)
	return err
}

// Replace changes every key that can change while mounted to what next has, and answers which ones those were, and
// which ones would have needed a new mount.
func (x *Current) Replace(next Config) (live, fixed []string, err error) {
	if err := next.Validate(); err != nil {
		return nil, nil, err
	}
	x.change.Lock()
	defer x.change.Unlock()
	return x.replace(next)
}

func (x *Current) replace(next Config) (live, fixed []string, err error) {
	merged := x.Config()
	live, fixed = Diff(merged, next)
	if len(live) == 0 {
		return nil, fixed, nil
	}
	for _, key := range live {
		err = errors.Join(err, merged.Set(key, next.Get(key)))
	}
	if err == nil {
		err = x.apply(merged, live)
	}
	if err != nil {
		return nil, fixed, err
	}
	x.config.Store(&merged)
	return live, fixed, nil
}

func liveKeys() []string {
	var names []string
	for _, k := range Keys() {
		if k.Live {
			names = append(names, k.Name)
		}
	}
	return names
}
