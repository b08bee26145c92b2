//go:build ledgernext

package ledger

// The next release, as the tests imagine it: its records are longer, and no field stands where it stood. With the build
// tag ledgernext a program makes such ledgers.
const (
	version = 3
	oldest  = 2
)

func madePlaces() placement {
	return placement{
		slotUnique: 32, slotBegun: 24, slotNode: 16, slotActive: 12, slotExisted: 8,
		handleUsed: 60, handleGeneration: 56, handleNode: 48, handleRequest: 40, handleAccess: 33, handleKind: 32,
		handleText: 24, handleLength: 16,
		backingNode: 16, backingID: 4, backingState: 8,
	}
}

func madeSizes() [sectionCount]uint64 {
	sizes := firstSizes()
	sizes[slotSection], sizes[handleSection], sizes[backingSection] = 40, 72, 24
	return sizes
}
