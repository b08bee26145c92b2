package fstest

import "testing"

func (cfg *Config) stress(t *testing.T)  {}
func (cfg *Config) compare(t *testing.T) {}
