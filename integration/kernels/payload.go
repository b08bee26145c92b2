package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/shmfs/shmfs/integration/kernels/plan"
)

// pack writes the initramfs: the guest's first process, the modules, the binary, the tests and the plan.
func pack(ctx context.Context, initramfs, work string, k kernel, o options) error {
	f, err := os.Create(initramfs)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	a := newArchive(buffered)
	p, err := fill(ctx, a, work, k, o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return errors.Join(a.file(strings.TrimPrefix(plan.Path, "/"), modeFile, text), a.close(), buffered.Flush(), f.Close())
}

func fill(ctx context.Context, a *archive, work string, k kernel, o options) (plan.Plan, error) {
	var p plan.Plan
	err := errors.Join(
		a.device("dev/console", 5, 1),
		a.file("etc/passwd", modeFile, []byte("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")),
		a.file("etc/group", modeFile, []byte("root:x:0:\nnogroup:x:65534:\n")),
		a.file("etc/fuse.conf", modeFile, []byte("user_allow_other\n")),
		a.file("root/.keep", modeFile, nil),
		compile(ctx, "build", filepath.Join(work, "init"), "./integration/kernels/guest"),
		a.host("init", filepath.Join(work, "init"), modeProgram),
		addTools(ctx, a),
	)
	for _, m := range k.modules {
		err = errors.Join(err, a.host("modules/"+m, filepath.Join(k.dir, m), modeFile))
		p.Modules = append(p.Modules, "/modules/"+m)
	}
	if err != nil {
		return p, err
	}
	if err := a.host("bin/shmfs", o.binary, modeProgram); err != nil {
		return p, fmt.Errorf("%w: make build first", err)
	}
	for _, pkg := range o.packages {
		step, err := addTests(ctx, a, work, pkg, o)
		if err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

// addTests compiles the tests of a package and adds them, with the testdata that they read, as a step.
func addTests(ctx context.Context, a *archive, work, pkg string, o options) (plan.Step, error) {
	room := path.Clean(pkg)
	name := strings.ReplaceAll(room, "/", "-") + ".test"
	if err := compile(ctx, "test", filepath.Join(work, name), pkg); err != nil {
		return plan.Step{}, err
	}
	dir := path.Join("src", room)
	if err := a.host(path.Join(dir, name), filepath.Join(work, name), modeProgram); err != nil {
		return plan.Step{}, err
	}
	if err := addTree(a, dir, filepath.Join(room, "testdata")); err != nil {
		return plan.Step{}, err
	}
	return plan.Step{
		Name:  "tests of " + room,
		Argv:  []string{"/" + path.Join(dir, name), "-test.v", "-test.timeout=" + o.limit.String(), "-test.run=" + o.run},
		Dir:   "/" + dir,
		Env:   []string{"SHMFS_BINARY=/bin/shmfs", "SHMFS_GUEST=1"},
		Limit: o.limit + time.Second,
	}, nil
}

// addTree adds what is below from, if it is there, as it is below to/testdata.
func addTree(a *archive, to, from string) error {
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(filepath.Dir(from), p)
		if err != nil {
			return err
		}
		return a.host(path.Join(to, filepath.ToSlash(below)), p, modeFile)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// compile builds a program or a test binary, static: the guest has no libraries.
func compile(ctx context.Context, what, to, pkg string) error {
	args := []string{"build", "-o", to, pkg}
	if what == "test" {
		args = []string{"test", "-c", "-o", to, pkg}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New("go " + strings.Join(args, " ") + ": " + err.Error() + "\n" + string(out))
	}
	return nil
}
