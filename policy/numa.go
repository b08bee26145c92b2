package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// maxNUMANodes is how many nodes the largest Linux has (MAX_NUMNODES with CONFIG_NODES_SHIFT=10).
const maxNUMANodes = 1024

// checkNUMA checks a memory policy by the grammar of tmpfs(5) and Linux mm/mempolicy.c, mpol_parse_str:
//
//	default | local | prefer[=flag]:node | bind[=flag]:nodes | interleave[=flag][:nodes]
//
// where flag is static or relative. That the nodes exist only the kernel knows.
func checkNUMA(s string) error {
	policy, nodes, hasNodes := strings.Cut(s, ":")
	mode, flag, hasFlag := strings.Cut(policy, "=")
	if hasFlag && flag != "static" && flag != "relative" {
		return fmt.Errorf("numa %q: unknown flag %q, want static or relative", s, flag)
	}
	switch mode {
	case "default", "local":
		if hasNodes || hasFlag {
			return fmt.Errorf("numa %q: %s takes neither nodes nor flags", s, mode)
		}
		return nil
	case "prefer":
		if _, err := parseNode(nodes); err != nil {
			return fmt.Errorf("numa %q: prefer wants one node, such as prefer:0", s)
		}
		return nil
	case "bind", "interleave":
		if mode == "interleave" && !hasNodes && !hasFlag {
			return nil
		}
		if err := checkNodeList(nodes); err != nil {
			return fmt.Errorf("numa %q: %w", s, err)
		}
		return nil
	}
	return fmt.Errorf("numa %q: want default, local, prefer:NODE, bind:NODES, interleave or interleave:NODES", s)
}

// checkNodeList checks a list such as 0-3,5.
func checkNodeList(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := parseNode(from)
		if err != nil {
			return err
		}
		if !isRange {
			continue
		}
		last, err := parseNode(to)
		if err != nil {
			return err
		}
		if last < first {
			return fmt.Errorf("the nodes %s run backwards", part)
		}
	}
	return nil
}

func parseNode(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n >= maxNUMANodes {
		return 0, fmt.Errorf("node %q: want a number below %d", s, maxNUMANodes)
	}
	return n, nil
}
