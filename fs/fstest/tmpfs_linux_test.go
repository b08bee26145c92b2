package fstest_test

import (
	"os"
	"testing"

	"github.com/shmfs/shmfs/fs/fstest"
)

func TestMain(m *testing.M) { os.Exit(fstest.Main(m)) }

// TestTmpfs holds the cases against what they were written after.
func TestTmpfs(t *testing.T) {
	root := fstest.Mounted(t, fstest.Tmpfs(t))
	fstest.Run(t, fstest.Config{Root: root, Oracle: fstest.Tmpfs(t), Lacks: fstest.TmpfsLacks()})
}

func TestPosixtest(t *testing.T) { fstest.RunPosixtest(t, fstest.Tmpfs(t), fstest.TmpfsLacks()) }
