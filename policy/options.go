package policy

import (
	"fmt"
	"strings"
)

// SetOptions sets keys from the options of mount(8): size=8G,huge=always,keep. What is no key of ours (noatime,
// x-systemd.automount, ...) is answered for the caller to judge. A bad value ends it.
func (c *Config) SetOptions(options string) (rest []string, err error) {
	for _, o := range splitOptions(options) {
		name, value, hasValue := strings.Cut(o, "=")
		k, ok := FindKey(name)
		switch {
		case !ok:
			rest = append(rest, o)
			continue
		case !hasValue && k.Kind == Switch:
			value = "true"
		case !hasValue:
			return nil, fmt.Errorf("option %s wants a value: %s=VALUE, one of %s", name, name, k.Values)
		}
		if err := c.Set(name, value); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// splitOptions splits at commas, but for those before a digit: they belong to a list of NUMA nodes, and no option
// begins with a digit (Linux mm/shmem.c, shmem_next_opt).
func splitOptions(s string) []string {
	var all []string
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && (s[i] != ',' || i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9') {
			continue
		}
		if i > start {
			all = append(all, s[start:i])
		}
		start = i + 1
	}
	return all
}
