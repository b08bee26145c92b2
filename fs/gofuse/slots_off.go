//go:build linux && noslots

package gofuse

// slots says that requests write nothing down: some are done twice when a server dies. It is for measuring what slots
// cost.
const slots = false
