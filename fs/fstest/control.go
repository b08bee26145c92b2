package fstest

import (
	"testing"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// controlName is the name that belongs to the tree itself.
const controlName = fs.ControlName

// runControl tests that the root keeps `.ctl` for itself. It works on the root, and leaves nothing behind.
func (cfg *Config) runControl(t *testing.T) {
	for name, run := range map[string]func(*testing.T, Client, string){
		"Shown":   controlShown,
		"NotMade": controlNotMade,
		"NotGone": controlNotGone,
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Lacks.Need(t, Control)
			ok(t, cfg.Root.Mkdir("fstest-control", 0o755))
			t.Cleanup(func() { ok(t, removeAll(cfg.Root, "fstest-control")) })
			run(t, cfg.Root, "fstest-control")
		})
	}
}

func controlShown(t *testing.T, root Client, _ string) {
	a, err := root.Stat(controlName, false)
	ok(t, err)
	equal(t, "type", a.Type(), regions.TypeDir)
	entries, err := list(root, ".")
	ok(t, err)
	times := 0
	for _, e := range entries {
		if e.Name == controlName {
			times++
			equal(t, "type listed", e.Type, regions.TypeDir)
		}
	}
	equal(t, "times listed", times, 1)
	entries, err = list(root, controlName)
	ok(t, err)
	for _, e := range entries {
		_, err := root.Stat(controlName+"/"+e.Name, false)
		ok(t, err)
	}
}

func controlNotMade(t *testing.T, root Client, dir string) {
	put(t, root, dir+"/f", "")
	taken := []regions.Code{regions.Exists, regions.NotPermitted, regions.IsDir}
	fails(t, root.Mkdir(controlName, 0o755), taken...)
	fails(t, root.Symlink("x", controlName), taken...)
	fails(t, root.Mknod(controlName, regions.TypeRegular|0o644, 0), taken...)
	fails(t, root.Link(dir+"/f", controlName), taken...)
	_, err := root.Open(controlName, ReadWrite|Create|Exclusive, 0o644)
	fails(t, err, taken...)
	_, err = root.Open(controlName, ReadWrite|Create, 0o644)
	fails(t, err, taken...)
	fails(t, root.Rename(dir+"/f", controlName, 0), taken...)
	fails(t, root.Rename(dir, controlName, 0), append(taken, regions.NotEmpty)...)
	fails(t, root.Rename(dir, controlName, regions.RenameExchange), taken...)
	fails(t, root.Mkdir(controlName+"/x", 0o755), regions.NotPermitted, regions.AccessDenied)
	_, err = root.Open(controlName+"/x", Write|Create, 0o644)
	fails(t, err, regions.NotPermitted, regions.AccessDenied)
	fails(t, root.Rename(dir+"/f", controlName+"/x", 0), regions.NotPermitted, regions.AccessDenied)
	fails(t, root.Link(dir+"/f", controlName+"/x"), regions.NotPermitted, regions.AccessDenied)
}

func controlNotGone(t *testing.T, root Client, dir string) {
	denied := []regions.Code{regions.NotPermitted, regions.AccessDenied, regions.NotEmpty, regions.Busy}
	fails(t, root.Rmdir(controlName), denied...)
	fails(t, root.Unlink(controlName), regions.IsDir, regions.NotPermitted)
	fails(t, root.Rename(controlName, dir+"/x", 0), denied...)
	fails(t, root.Rename(controlName, "fstest-elsewhere", 0), denied...)
	fails(t, root.Chmod(controlName, 0o777), denied...)
	fails(t, root.Chown(controlName, 1, 1), denied...)
	entries, err := list(root, controlName)
	ok(t, err)
	for _, e := range entries {
		fails(t, root.Unlink(controlName+"/"+e.Name), regions.NotPermitted, regions.AccessDenied, regions.IsDir)
		fails(t, root.Rename(controlName+"/"+e.Name, dir+"/x", 0), denied...)
	}
	_, err = root.Stat(controlName, false)
	ok(t, err)
}
