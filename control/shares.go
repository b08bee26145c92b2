package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// sharesName is the file that shows shares, and makes them.
const sharesName = "shares"

type sharesFile struct{ d *directory }

func (f sharesFile) Snapshot(ctx context.Context) ([]byte, error) {
	m := f.d.sources.Tree().Arena()
	var p pairs
	err := f.d.eachRegion(ctx, nil, func(it *regions.Item) error {
		if it.Attr.Source == regions.NoNode {
			return nil
		}
		source := m.Path(it.Attr.Source)
		if a, err := m.Inner().Getattr(it.Attr.Source); err != nil || a.Nlink == 0 {
			source = ""
		}
		p.add("path", it.Path)
		p.add("node", it.Attr.Node.String())
		p.add("source", source)
		p.add("access", "read-only")
		p.end()
		return nil
	})
	return p.b, err
}

// Write makes a share: "read-only SOURCE PATH". A name with a space is in double quotes. Every refusal has a reason and a
// remedy, so that it is found in `errors`.
func (f sharesFile) Write(_ context.Context, _ fs.Caller, command []byte) error {
	line := strings.TrimSpace(string(command))
	err := f.share(line)
	var r *regions.Refusal
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &regions.Refusal{Code: fs.CodeOf(err), Reason: fmt.Sprintf("%s: %v", oneLine(line), err),
		Remedy: "write read-only, the path of a region and that of its share, from the root of the mount", Err: err}
}

func (f sharesFile) share(line string) error {
	rest, ok := strings.CutPrefix(line, "read-only ")
	if !ok || strings.ContainsAny(line, "\n\r\x00") {
		return fmt.Errorf("no such command: %w", regions.Invalid)
	}
	from, rest, err := cutWord(strings.TrimSpace(rest))
	if err != nil {
		return fmt.Errorf("%w: %w", err, regions.Invalid)
	}
	to, rest, err := cutWord(strings.TrimSpace(rest))
	if err != nil || rest != "" {
		return fmt.Errorf("want two paths: %w", regions.Invalid)
	}
	m := f.d.sources.Tree().Arena()
	source, err := find(m, strings.Trim(from, "/"))
	if err != nil {
		return fmt.Errorf("%q: %w", from, err)
	}
	to = strings.Trim(to, "/")
	name := path.Base(to)
	if to == "" || name == "." || name == ".." || to == fs.ControlName || len(name) > nameMax {
		return fmt.Errorf("%q is no name for a share: %w", to, regions.Invalid)
	}
	dir := regions.Attr{Node: regions.RootNode}
	if above := path.Dir(to); above != "." {
		if dir, err = find(m, above); err != nil {
			return fmt.Errorf("%q: %w", above, err)
		}
	}
	_, err = m.Share(source.Node, dir.Node, name)
	return err
}

// Share is a line of `shares`.
type Share struct {
	Path   string `json:"path"`
	Node   string `json:"node"`
	Source string `json:"source"` // "" if the region is gone
	Access string `json:"access"`
}

// ReadShares reads `shares`.
func ReadShares(r io.Reader) ([]Share, error) {
	return readPairs(r, func(p map[string]string) (Share, error) {
		return Share{Path: p["path"], Node: p["node"], Source: p["source"], Access: p["access"]}, nil
	})
}
