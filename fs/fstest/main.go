package fstest

import (
	"os"
	"testing"
)

// agentVariable in the environment makes this binary an agent instead of a test.
const agentVariable = "SHMFS_FSTEST_AGENT"

// Main runs the tests, or what a test started this binary for.
func Main(m *testing.M) int {
	if os.Getenv(agentVariable) != "" {
		return runAgent()
	}
	return m.Run()
}
