// Command kernels runs tests on other kernels than this machine's: Debian's 6.1 (no passthrough) and 6.12 (passthrough,
// without what later ones added), under qemu without KVM, each with an initramfs that holds the tests and bin/shmfs.
//
// It needs qemu-system-x86, and apt to fetch a kernel that is not in the user's cache directory yet.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	o := options{}
	series := flag.String("series", "6.1,6.12", "kernel series, comma separated")
	flag.StringVar(&o.run, "run", "", "only tests that match, as go test -run")
	flag.StringVar(&o.binary, "binary", "bin/shmfs", "the binary to put into the guest")
	flag.DurationVar(&o.limit, "limit", 4*time.Minute, "time for one guest, boot to verdict")
	flag.Parse()
	o.series, o.packages = strings.Split(*series, ","), flag.Args()
	if len(o.packages) == 0 {
		o.packages = packages()
	}
	os.Exit(run(context.Background(), o, os.Stdout))
}

// packages are those whose tests ask the kernel something: all that Linux does differently from version to version is
// behind them.
func packages() []string { return []string{"./backends/tmpfs", "./fs/gofuse", "./integration/mounts"} }

type options struct {
	series, packages []string
	run, binary      string
	limit            time.Duration
}

func run(ctx context.Context, o options, out io.Writer) int {
	failures := 0
	for _, series := range o.series {
		start := time.Now()
		ran, failed, err := runSeries(ctx, o, series, out)
		if err != nil || failed > 0 || ran == 0 {
			failures++
		}
		fmt.Fprintf(out, "Linux %s: %d steps, %d failed, in %.0f s", series, ran, failed, time.Since(start).Seconds())
		if err != nil {
			fmt.Fprintf(out, ": %v", err)
		}
		fmt.Fprintln(out)
	}
	return min(failures, 1)
}

func runSeries(ctx context.Context, o options, series string, out io.Writer) (ran, failed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, 0, err
	}
	k, err := findKernel(ctx, filepath.Join(cache, "shmfs", "kernels"), series)
	if err != nil {
		return 0, 0, err
	}
	work, err := os.MkdirTemp("", "shmfs-kernels-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(work)
	initramfs := filepath.Join(work, "initramfs")
	if err := pack(ctx, initramfs, work, k, o); err != nil {
		return 0, 0, err
	}
	return boot(ctx, k.image(), initramfs, "["+series+"]", out)
}
