//go:build linux

// Command writer is the demo's first program: it makes a region of 1 GiB with open, ftruncate and mmap, fills it, and
// waits for another program's answer inside the mapping. Nothing here knows of shmfs.
//
// The first 4096 bytes are the header, in the machine's byte order: state (8 bytes), the reader's checksum (8), the
// length of its message (8), the message (64). Data follows.
package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	size       = 1 << 30
	headerSize = 4096
	patience   = time.Minute
)

// States of the region.
const (
	written  = 1
	answered = 2
)

// header is laid over the first bytes of the mapping.
type header struct {
	state    atomic.Uint64
	checksum uint64
	length   uint64
	message  [64]byte
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	region, err := create(path)
	if err != nil {
		return err
	}
	start := time.Now()
	data := region[headerSize:]
	fill(data)
	fmt.Printf("Go wrote %d bytes in %d ms\n", len(data), time.Since(start).Milliseconds())
	h := (*header)(unsafe.Pointer(&region[0]))
	h.state.Store(written)
	if err := await(h); err != nil {
		return err
	}
	if got, want := h.checksum, uint64(crc32.ChecksumIEEE(data)); got != want {
		return fmt.Errorf("the reader's checksum is %08x, want %08x", got, want)
	}
	fmt.Printf("%s, checksum %08x: the same\n", h.message[:min(h.length, 64)], h.checksum)
	return unix.Munmap(region)
}

func create(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// fill writes numbers that no other place of the region has.
func fill(data []byte) {
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&data[0])), len(data)/8)
	for i := range words {
		words[i] = uint64(i) * 0x9e3779b97f4a7c15 // 2^64 over the golden ratio: spreads the bits
	}
}

func await(h *header) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if h.state.Load() == answered {
			return nil
		}
	}
	return errors.New("nobody answered")
}
