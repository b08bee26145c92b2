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
		a.file("sbin/.keep", modeFile, nil),
		a.host("init", filepath.Join(work, guestProgram), modeProgram),
		addTools(ctx, a),
	)
	if err != nil {
		return p, err
	}
	if err := a.host("bin/shmfs", o.binary, modeProgram); err != nil {
		return p, fmt.Errorf("%w: make build first", err)
	}
	for _, m := range k.modules {
		if err := a.host("modules/"+m, filepath.Join(k.dir, m), modeFile); err != nil {
			return p, err
		}
		p.Modules = append(p.Modules, "/modules/"+m)
	}
	for _, s := range o.suites {
		step, err := addTests(a, work, s, k, o)
		if err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

// addTests adds the compiled tests of a package, with the testdata that they read, as a step.
func addTests(a *archive, work string, s suite, k kernel, o options) (plan.Step, error) {
	dir := path.Join("src", s.room)
	program := path.Join(dir, s.program())
	if err := a.host(program, filepath.Join(work, s.program()), modeProgram); err != nil {
		return plan.Step{}, err
	}
	if err := addTree(a, dir, filepath.Join(s.room, "testdata")); err != nil {
		return plan.Step{}, err
	}
	return plan.Step{
		Name:  s.room,
		Argv:  []string{"/" + program, "-test.v", "-test.timeout=" + o.limit.String(), "-test.run=" + o.run, "-test.skip=" + s.skipped(k.series)},
		Dir:   "/" + dir,
		Env:   []string{"SHMFS_BINARY=/bin/shmfs", "SHMFS_FSTEST_SEQUENCES=10"}, // a tenth: an emulator is slow
		Limit: o.limit + time.Second,
	}, nil
}

// program is the name of the compiled tests.
func (s suite) program() string { return strings.ReplaceAll(s.room, "/", "-") + ".test" }

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

// guestProgram is the guest's first process, among the compiled tests.
const guestProgram = "init"

// compileAll builds what all guests run.
func compileAll(ctx context.Context, work string, suites []suite) error {
	if err := compile(ctx, "build", "-o", filepath.Join(work, guestProgram), "./integration/kernels/guest"); err != nil {
		return err
	}
	for _, s := range suites {
		if err := compile(ctx, "test", "-c", "-o", filepath.Join(work, s.program()), "./"+s.room); err != nil {
			return err
		}
	}
	return nil
}

// compile calls go for a static program: the guest has no libraries of Go's.
func compile(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
