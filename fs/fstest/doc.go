// Package fstest is what a mounted tree must do.
//
// # Structure
//
//	Run ──► cases          portable, by a Client
//	    ──► system cases   Linux, by system calls on a directory: mappings, locks, other users, ACLs
//	    ──► oracle         random operations on the tree and on a plain tmpfs at once
//	    ──► stress         many goroutines against a model
//
// A [Client] is what a process asks of a directory. There are two: [Mounted] by system calls, and [InProcess], which
// resolves paths over an fs.Tree as the kernel would. The cases expect what Linux tmpfs does, and pass on a plain tmpfs
// directory.
//
// # Use
//
//	func TestMain(m *testing.M) { os.Exit(fstest.Main(m)) } // processes that the cases start are this binary again
//
//	func TestMount(t *testing.T) {
//		dir := ... // the root of a mount that another process serves
//		fstest.Run(t, fstest.Config{Root: fstest.Mounted(t, dir), Lacks: fstest.CachedLacks()})
//		fstest.RunPosixtest(t, dir, fstest.CachedLacks())
//	}
//
// What a mode cannot do is declared in [Lacks], each [Feature] with the reason; whatever needs it is skipped with that
// reason, by one function, so that a run can count them. What the kernel cannot do Run adds
// itself. [RunFull] fills a small tree, [RunPosixtest] runs go-fuse's cases.
//
// This package's own tests run on a plain tmpfs; on any other directory by
//
//	SHMFS_FSTEST_DIR=/mnt/shm SHMFS_FSTEST_MODE=passthrough go test -run TestDirectory ./fs/fstest
//
// The oracle prints the seed of a sequence that differs, and the shortest one found. In the environment,
// SHMFS_FSTEST_SEED chooses the first seed and SHMFS_FSTEST_SEQUENCES how many there are, for a long run:
//
//	SHMFS_FSTEST_SEED=$RANDOM SHMFS_FSTEST_SEQUENCES=100000 go test -run '/Oracle' -timeout 0 ...
//
// The fuzz target makes its sequences of bytes. Minimizing inputs takes go test longer than finding them, because what
// a tree does differs a little from run to run: -fuzzminimizetime 10x.
package fstest
