// Command kernels runs tests on other kernels than this machine's: Debian's 6.1 (no passthrough) and 6.12 (passthrough,
// without what later ones added), under qemu without KVM, each with an initramfs that holds the tests and bin/shmfs.
// The guests run side by side.
//
// It needs qemu-system-x86, and apt to fetch a kernel that is not in the user's cache directory yet.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	var o options
	series := flag.String("series", "6.1,6.12", "kernel series, comma separated")
	flag.StringVar(&o.run, "run", "", "only tests that match, as go test -run")
	flag.StringVar(&o.binary, "binary", "bin/shmfs", "the binary to put into the guest")
	flag.DurationVar(&o.limit, "limit", 40*time.Minute, "time for a guest, boot to verdict")
	flag.BoolVar(&o.verbose, "v", false, "show tests that pass, too")
	flag.Parse()
	o.series, o.suites = strings.Split(*series, ","), suites(flag.Args())
	// A signal ends the guests and removes what was unpacked for them.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, o, os.Stdout)
	stop()
	os.Exit(code)
}

type options struct {
	series      []string
	suites      []suite
	run, binary string
	limit       time.Duration
	verbose     bool
}

// suite is a package, and those of its tests that tell nothing new about a kernel, as go test -skip: about any, and
// about one series. Whole tests go before parts of tests: of two alternatives that match, the first decides (Go,
// testing/match.go).
type suite struct {
	room, skip string
	skipOn     map[string]string
}

func (s suite) skipped(series string) string {
	if s.skip == "" || s.skipOn[series] == "" {
		return s.skip + s.skipOn[series]
	}
	return s.skipOn[series] + "|" + s.skip
}

// slow are minutes in an emulator, and about numbers of names and of descriptors, and a service manager's protocol, which
// are the same in every kernel; one is about a file of the repository.
const slow = "TestNoDescriptorPerRegion|TestWatchdog|TestIncompleteStoreIsReplaced|TestUnitHasNoMountNamespace" +
	"|/Posixtest/OpenSymlinkRace|/Conformance/Listing/Many|/Conformance/Names|/Conformance/Stress/Names"

// ours is about what the server adds up, tells and lists, and about trees of processes: the same with every kernel. How
// much fits into a mount depends on its way of passing data, and these tests expect passthrough.
const ours = "TestLimits|TestRefusals|TestGrowers|TestReservation|TestDirectoryLimits|TestLoweredLimits|TestRoom|TestWhoMaySet" +
	"|TestOvercommitted|TestPagesNow|TestCachedRegions|TestSoftLimit|TestHeadroom|TestMemoryPast|TestTooSmall|TestTooFew|TestThrottle" +
	"|TestTop|TestWarning|TestExtendedAttributes|TestHugePages|TestNodesCount|TestCounts|TestHistory|TestLabels|TestSessions|TestHandOver" +
	"|TestEvent|TestWaitingReaders|TestMissedEvents|TestManyOwners|TestTimersCost|TestKilledWhileEnding|TestTreesOf|TestPythons" +
	"|TestContainers|TestUnknownOwners|TestNumbersThat|TestHolesDo|TestOnlyRegion|TestLeftOvers|TestWrites"

// keptOtherwise is what the kernel above the arena refuses before the arena is asked: attributes of the user. namespace,
// which are kept under a longer name before Linux 6.6, and empty ACLs, which setxattr(2) takes for a removal since 6.2.
const keptOtherwise = "OfAnOldKernelAreRefused|/XattrNames|/XattrOfOtherTypes|/ACLSetsMode|/ACLOfTypes"

// suites answers those for packages named on the command line, or all that ask the kernel something.
func suites(packages []string) []suite {
	if len(packages) == 0 {
		return []suite{
			{room: "backends/tmpfs", skipOn: map[string]string{"6.1": keptOtherwise}},
			{room: "fs/gofuse", skip: "TestMemoryArena"}, // its arena is no kernel's
			// An ordinary user's mount lacks user. attributes on 6.1 (docs/posix.md), and takes minutes. The cached way
			// is what 6.1 has, and nothing else.
			{room: "integration/mounts", skip: ours + "|" + slow,
				skipOn: map[string]string{"6.1": "TestUnprivileged", "6.12": "TestUnprivileged|TestCached"}},
		}
	}
	var named []suite
	for _, p := range packages {
		named = append(named, suite{room: filepath.ToSlash(filepath.Clean(p))})
	}
	return named
}

// verdict is what came of a guest.
type verdict struct {
	series      string
	ran, failed int
	failures    []string // what the tests that failed have printed
	took        time.Duration
	err         error
}

func run(ctx context.Context, o options, out io.Writer) int {
	work, err := os.MkdirTemp("", "shmfs-kernels-")
	if err != nil {
		fmt.Fprintln(out, "kernels:", err)
		return 1
	}
	defer os.RemoveAll(work)
	if err := compileAll(ctx, work, o.suites); err != nil {
		fmt.Fprintln(out, "kernels:", err)
		return 1
	}
	failures := 0
	verdicts := runAll(ctx, work, o, &lockedWriter{w: out})
	for _, v := range verdicts {
		for _, line := range v.failures {
			fmt.Fprintf(out, "failed on %s: %s\n", v.series, line)
		}
	}
	for _, v := range verdicts {
		if v.err != nil || v.failed > 0 || v.ran == 0 {
			failures++
		}
		fmt.Fprintf(out, "Linux %s: %d of %d packages failed, in %.0f s", v.series, v.failed, v.ran, v.took.Seconds())
		if v.err != nil {
			fmt.Fprintf(out, ": %v", v.err)
		}
		fmt.Fprintln(out)
	}
	return min(failures, 1)
}

func runAll(ctx context.Context, work string, o options, out io.Writer) []verdict {
	verdicts := make([]verdict, len(o.series))
	var guests sync.WaitGroup
	for i, series := range o.series {
		guests.Go(func() {
			start := time.Now()
			c := console{prefix: "[" + series + "]", out: out, verbose: o.verbose}
			err := runSeries(ctx, work, o, series, &c)
			verdicts[i] = verdict{series, c.ran, c.failed, c.failures, time.Since(start), err}
		})
	}
	guests.Wait()
	return verdicts
}

func runSeries(ctx context.Context, work string, o options, series string, c *console) error {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	k, err := findKernel(ctx, filepath.Join(cache, "shmfs", "kernels"), series)
	if err != nil {
		return err
	}
	initramfs := filepath.Join(work, "initramfs-"+series)
	if err := pack(ctx, initramfs, work, k, o); err != nil {
		return err
	}
	return c.boot(ctx, k.image(), initramfs)
}

// lockedWriter lets several guests print; each of their lines is one Write.
type lockedWriter struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
