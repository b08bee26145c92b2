//go:build linux && !noslots

package gofuse

// slots says that requests write down what they found before they act.
const slots = true
