//go:build !ledgernext && !ledgerfar

package ledger

const (
	// version is the layout that this release makes; oldest is that of the first release that understands it.
	version = 2
	oldest  = 1
)

func madePlaces() placement { return firstPlaces() }

func madeSizes() [sectionCount]uint64 { return firstSizes() }
