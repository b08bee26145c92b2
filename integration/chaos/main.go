//go:build linux

// Command chaos kills the server of a busy mount again and again, while clients check that they never notice.
//
// Clients are of many kinds (worker_*.go), each with a model of what its part of the mount must look like. The server
// is killed at a random moment if a request is in flight, also inside a system call of its own. A kill that finds none
// is not made, so every kill counts. At the end the mount must hold exactly what the models say, have no file open, and
// go.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	o := Options{Progress: os.Stderr}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&o.Binary, "binary", "bin/shmfs", "program under test")
	flags.IntVar(&o.Kills, "kills", 1000, "how many servers are killed")
	flags.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "repeats the choices of a run; the kernel's scheduling is its own")
	flags.IntVar(&o.Workers, "workers", 2, "clients of each kind")
	flags.IntVar(&o.Regions, "regions", 1000, "regions that are there all the time")
	flags.StringVar(&o.IO, "io", "auto", "how data goes: auto, passthrough, cached")
	flags.StringVar(&o.Failpoint, "failpoint", "", "where servers kill themselves: any=200, made=20; -binary is built with -tags failpoints")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	fmt.Fprintf(os.Stderr, "seed %d\n", o.Seed)
	r, err := Run(o)
	fmt.Fprintln(os.Stderr)
	fmt.Println(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
