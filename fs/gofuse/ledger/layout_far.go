//go:build ledgerfar

package ledger

// A release that is more than one away, as the tests imagine it: with the build tag ledgerfar a program understands its
// own ledgers only.
const (
	version = 4
	oldest  = 4
)

func madePlaces() placement { return firstPlaces() }

func madeSizes() [sectionCount]uint64 { return firstSizes() }
