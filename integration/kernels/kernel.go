package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kernel is one unpacked from Debian's package: vmlinuz and the modules that guests need.
type kernel struct {
	series  string // 6.1
	dir     string
	modules []string // file names in dir
}

func (k kernel) image() string { return filepath.Join(k.dir, "vmlinuz") }

// findKernel answers the kernel of a series from the cache, or from Debian's archive when the cache has none. A cached
// one is kept for ever: remove the directory to test the newest.
func findKernel(ctx context.Context, cache, series string) (kernel, error) {
	if k, ok := cachedKernel(cache, series); ok {
		return k, nil
	}
	name, err := packageOf(ctx, series)
	if err != nil {
		return kernel{}, err
	}
	dir := filepath.Join(cache, strings.TrimPrefix(name, "linux-image-"))
	fresh, err := os.MkdirTemp(mkdir(cache), "unpacking-")
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(fresh)
	if err := unpackKernel(ctx, fresh, name); err != nil {
		return kernel{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(filepath.Join(fresh, "kernel"), dir); err != nil {
		return kernel{}, err
	}
	return readKernel(series, dir)
}

func mkdir(dir string) string {
	_ = os.MkdirAll(dir, 0o755) // whoever uses dir reports it
	return dir
}

func cachedKernel(cache, series string) (kernel, bool) {
	dirs, err := filepath.Glob(filepath.Join(cache, series+".*", "vmlinuz"))
	if err != nil || len(dirs) == 0 {
		return kernel{}, false
	}
	k, err := readKernel(series, filepath.Dir(dirs[len(dirs)-1]))
	return k, err == nil
}

func readKernel(series, dir string) (kernel, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	k := kernel{series: series, dir: dir}
	for _, f := range files {
		k.modules = append(k.modules, filepath.Base(f))
	}
	return k, err
}

// packageOf asks apt for the newest signed cloud kernel of a series. "Cloud" ones are small and have what is needed.
func packageOf(ctx context.Context, series string) (string, error) {
	pattern := `^linux-image-` + regexp.QuoteMeta(series) + `\.[0-9].*-cloud-amd64$`
	out, err := command(ctx, "", "apt-cache", "search", "--names-only", pattern)
	if err != nil {
		return "", err
	}
	name := newest(string(out))
	if name == "" {
		return "", fmt.Errorf("apt knows no cloud kernel of the series %s: try apt-get update, "+
			"or leave the series out with -series", series)
	}
	return name, nil
}

// newest picks from apt-cache's lines, "name - description", by the numbers in the name.
func newest(lines string) string {
	var names []string
	for line := range strings.Lines(lines) {
		if name, _, ok := strings.Cut(line, " - "); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.MaxFunc(names, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) })
}

func numbers(name string) []int {
	var found []int
	for _, digits := range regexp.MustCompile(`[0-9]+`).FindAllString(name, -1) {
		n := 0
		for _, d := range digits {
			n = n*10 + int(d-'0')
		}
		found = append(found, n)
	}
	return found
}

// unpackKernel leaves vmlinuz and the modules in dir/kernel.
func unpackKernel(ctx context.Context, dir, name string) error {
	if _, err := command(ctx, dir, "apt-get", "-o", "Acquire::Retries=5", "download", "-qq", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get download left %d packages (%v)", len(debs), err)
	}
	if _, err := command(ctx, dir, "dpkg-deb", "--extract", debs[0], filepath.Join(dir, "all")); err != nil {
		return err
	}
	kept := mkdir(filepath.Join(dir, "kernel"))
	images, _ := filepath.Glob(filepath.Join(dir, "all/boot/vmlinuz-*"))
	if len(images) != 1 {
		return fmt.Errorf("the package has %d kernels", len(images))
	}
	if err := os.Rename(images[0], filepath.Join(kept, "vmlinuz")); err != nil {
		return err
	}
	return keepModules(ctx, filepath.Join(dir, "all"), kept)
}

// keepModules takes fuse: a module in 6.1, built in from 6.12 on. It needs no other.
func keepModules(ctx context.Context, from, to string) error {
	found, err := filepath.Glob(filepath.Join(from, "lib/modules/*/kernel/fs/fuse/fuse.ko*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if filepath.Ext(path) == ".xz" {
			if _, err := command(ctx, "", "xz", "--decompress", path); err != nil {
				return err
			}
			path = strings.TrimSuffix(path, ".xz")
		}
		if err := os.Rename(path, filepath.Join(to, filepath.Base(path))); err != nil {
			return err
		}
	}
	return nil
}

// command answers what a program printed, or an error that ends in what it complained.
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
