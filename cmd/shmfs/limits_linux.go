package main

import (
	"errors"
	"fmt"

	"github.com/shmfs/shmfs/regions"
)

// sized is what has limits that can change.
type sized interface {
	Usage(regions.NodeID) (regions.Usage, error)
	Resize(bytes, nodes int64) error
}

// resize changes limits; what is not above 0 stays. Where the kernel only says that they are invalid, it tells the
// figures.
func resize(a sized, bytes, nodes int64) error {
	err := a.Resize(bytes, nodes)
	if !errors.Is(err, regions.Invalid) {
		return err
	}
	use, failed := a.Usage(regions.RootNode)
	if failed != nil {
		return err
	}
	if reason := unfit(use, bytes, nodes); reason != "" {
		return &regions.Refusal{Code: regions.Invalid, Reason: reason, Err: err,
			Remedy: "remove regions (shmfs ls --sort resident), ask for more, or mount anew without the old regions"}
	}
	return err
}

// unfit says why limits do not fit what is used, "" if they do. tmpfs gives no limit to what has none (mm/shmem.c,
// shmem_reconfigure).
func unfit(use regions.Usage, bytes, nodes int64) string {
	switch {
	case bytes > 0 && bytes != regions.Unlimited && use.Bytes == 0:
		return "the size is unlimited, and cannot be limited while the regions are there"
	case bytes > 0 && uint64(bytes) < use.BytesUsed:
		return fmt.Sprintf("a size of %s is less than the %s in use", regions.FormatSize(bytes), regions.FormatSize(int64(use.BytesUsed)))
	case nodes > 0 && nodes != regions.Unlimited && use.Nodes == 0:
		return "the number of inodes is unlimited, and cannot be limited while the regions are there"
	case nodes > 0 && uint64(nodes) < use.NodesUsed:
		return fmt.Sprintf("%d inodes are less than the %d in use", nodes, use.NodesUsed)
	}
	return ""
}
