//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// serveCommand makes this program the loopback server: BACKING MOUNTPOINT [count].
const (
	serveCommand = "serve-loopback"
	countFlag    = "count"
	plainFlag    = "plain"
	readyLine    = "ready"
)

// serveLoopback serves until SIGTERM, with the options of go-fuse's example/loopback, mounted without fusermount.
// With countFlag it counts requests, which costs time, and prints the counts on SIGUSR1. With plainFlag it has no passthrough.
func serveLoopback(args []string) int {
	root, err := fs.NewLoopbackRoot(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "loopback:", err)
		return 1
	}
	second := time.Second
	opts := &fs.Options{
		AttrTimeout: &second, EntryTimeout: &second, NullPermissions: true,
		MountOptions: fuse.MountOptions{FsName: args[0], Name: "loopback", DirectMount: true},
	}
	counter := &requestCounter{counts: map[string]int{}}
	if slices.Contains(args[2:], countFlag) {
		opts.Debug, opts.MountOptions.Logger = true, log.New(counter, "", 0)
	}
	plain := slices.Contains(args[2:], plainFlag)
	if plain {
		opts.MaxStackDepth = 3 // one more than a kernel allows that gives passthrough (Linux fs/fuse/inode.c, process_init_reply)
	}
	server, err := fs.Mount(args[1], root, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loopback:", err)
		return 1
	}
	if !plain && server.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH == 0 {
		fmt.Fprintln(os.Stderr, "loopback: the kernel gives no passthrough: the figures are of another kind")
	}
	_ = json.NewEncoder(os.Stdout).Encode(readyLine)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGUSR1)
	for s := range signals {
		if s == unix.SIGUSR1 {
			counter.print()
		} else if err := server.Unmount(); err == nil {
			break
		}
	}
	server.Wait()
	return 0
}

// requestCounter takes go-fuse's debug log and counts the requests in it by opcode. The library has no other counter.
type requestCounter struct {
	mu     sync.Mutex
	counts map[string]int
}

// received is how fuse/server.go logs a request: "rx 12: LOOKUP n1 ...".
var received = regexp.MustCompile(`rx \d+: ([A-Z_0-9]+)`)

func (c *requestCounter) Write(line []byte) (int, error) {
	if m := received.FindSubmatch(line); m != nil {
		c.mu.Lock()
		c.counts[string(m[1])]++
		c.mu.Unlock()
	}
	return len(line), nil
}

func (c *requestCounter) print() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(c.counts)
}
