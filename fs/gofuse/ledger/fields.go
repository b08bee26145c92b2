package ledger

// The sections, in the order in which they stand.
const (
	configSection = iota
	slotSection
	handleSection
	backingSection
	textSection
	counterSection // since layout 2
	sumSection     // missing in ledgers that a release before it made
	sectionCount
)

// textMax is the longest content of a control file that outlives its server, in bytes: some 300,000 regions.
const textMax = 64 << 20

// counterCount is how many counters outlive their server: 64 kinds of errors, and 64 operations with 306 numbers each
// (see fs.Operations).
const counterCount = 64 + 64*306

// sumCount is how many words of sums outlive their server: those of some 65,000 accounts (see accounts.SumsWords).
const sumCount = 1 << 19

// A field of a record. Its number is its place in the header's table: new ones come at the end.
const (
	slotUnique  = iota // FUSE's number of the request; 0 for a slot that was never used
	slotBegun          // ns since 1970; layout 1 goes by it
	slotNode           // see Found
	slotActive         // 1 until its answer is made
	slotExisted        // see Found

	handleUsed       // 1 while it is open
	handleGeneration // high half of the handle's number: one that is used again is another
	handleNode
	handleRequest // FUSE's number of the request that opened it
	handleAccess
	handleKind
	handleText   // which text it reads, plus 1; 0 for none
	handleLength // bytes of that text

	backingNode
	backingID
	backingState // see backingFree

	fieldCount
)

// field is what does not change from one layout to the next: one that needs another size is another field.
type field struct {
	section int
	size    uint16 // bytes
}

func fieldsOf() [fieldCount]field {
	return [fieldCount]field{
		slotUnique: {slotSection, 8}, slotBegun: {slotSection, 8}, slotNode: {slotSection, 8}, slotActive: {slotSection, 4},
		slotExisted: {slotSection, 4},
		handleUsed:  {handleSection, 4}, handleGeneration: {handleSection, 4}, handleNode: {handleSection, 8},
		handleRequest: {handleSection, 8}, handleAccess: {handleSection, 1}, handleKind: {handleSection, 1},
		handleText: {handleSection, 4}, handleLength: {handleSection, 8},
		backingNode: {backingSection, 8}, backingID: {backingSection, 4}, backingState: {backingSection, 4},
	}
}
