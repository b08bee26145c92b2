package fstest

import "testing"

func (cfg *Config) stress(t *testing.T) {}
