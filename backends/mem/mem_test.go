package mem_test

import (
	"testing"

	"github.com/shmfs/shmfs/backends/backendtest"
	"github.com/shmfs/shmfs/backends/mem"
	"github.com/shmfs/shmfs/regions"
)

func TestArena(t *testing.T) {
	backendtest.Run(t, func(*testing.T) regions.Arena { return mem.New(mem.Options{}) })
}
