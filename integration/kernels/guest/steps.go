//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/shmfs/shmfs/integration/kernels/plan"
)

// runPlan prints the verdict as its last lines. No verdict at all counts as failed on the host.
func runPlan() int {
	p, err := loadPlan()
	if err == nil {
		err = prepare(p)
	}
	if err != nil {
		fmt.Println("guest:", err)
		return 1
	}
	failed := 0
	for _, s := range p.Steps {
		if !runStep(s) {
			failed++
		}
	}
	for range 3 { // a message of the kernel's may stand in the middle of a line
		fmt.Println(plan.Verdict(len(p.Steps), failed))
	}
	return 0
}

func loadPlan() (plan.Plan, error) {
	var p plan.Plan
	text, err := os.ReadFile(plan.Path)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	return p, err
}

func prepare(p plan.Plan) error {
	for _, m := range p.Modules {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	return describe()
}

func runStep(s plan.Step) bool {
	fmt.Printf("=== %s\n", s.Name)
	ctx, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Argv[0], s.Argv[1:]...)
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"PATH=/bin", "HOME=/root", "TMPDIR=/tmp"}, s.Env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A background server may keep the output open long after the command has ended.
	cmd.WaitDelay = time.Second
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start).Round(100 * time.Millisecond)
	if err != nil {
		fmt.Printf("--- FAIL: %s (%v): %v\n", s.Name, took, err)
		return false
	}
	fmt.Printf("--- PASS: %s (%v)\n", s.Name, took)
	return true
}
