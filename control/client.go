package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
	"github.com/shmfs/shmfs/regions/accounts"
)

// ErrNoMount is the answer for a place where no shmfs is mounted.
var ErrNoMount = errors.New("not a shmfs mount")

// Client reads and writes the control files of a mount.
type Client struct {
	Mountpoint string
}

// Open answers the client of the shmfs that is mounted at mountpoint; ErrNoMount if none is.
func Open(mountpoint string) (*Client, error) {
	c := &Client{Mountpoint: mountpoint}
	v, err := c.Version()
	if errors.Is(err, os.ErrNotExist) || err == nil && !v.Has("control") {
		return nil, fmt.Errorf("%s: %w", mountpoint, ErrNoMount)
	}
	if err != nil {
		return nil, err
	}
	if n := v.Int("control"); n > Format {
		return nil, fmt.Errorf("%s: its control files are of version %d, this release of shmfs reads %d", mountpoint, n, Format)
	}
	return c, nil
}

// Find answers the client of the shmfs that holds path, and where path stands in it, "." for its root. Symlinks are
// resolved first.
func Find(path string) (c *Client, rel string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, "", err
	}
	dir := abs
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		dir = filepath.Dir(abs)
	}
	for ; ; dir = filepath.Dir(dir) {
		c, err := Open(dir)
		if err == nil {
			rel, err := filepath.Rel(dir, abs)
			return c, rel, err
		}
		if !errors.Is(err, ErrNoMount) {
			return nil, "", err
		}
		if dir == filepath.Dir(dir) {
			return nil, "", fmt.Errorf("%s: %w", path, ErrNoMount)
		}
	}
}

func (c *Client) path(name string) string { return filepath.Join(c.Mountpoint, fs.ControlName, name) }

func (c *Client) flat(name string) (Flat, error) {
	b, err := os.ReadFile(c.path(name))
	if err != nil {
		return Flat{}, err
	}
	return ReadFlat(bytes.NewReader(b))
}

// Version reads `version`.
func (c *Client) Version() (Flat, error) { return c.flat("version") }

// Stats reads `stats`.
func (c *Client) Stats() (Flat, error) { return c.flat("stats") }

// Health reads `health`.
func (c *Client) Health() (Flat, error) { return c.flat("health") }

// Config reads `config`.
func (c *Client) Config() ([]byte, error) { return os.ReadFile(c.path("config")) }

// Errors reads `errors`.
func (c *Client) Errors() ([]Refused, error) {
	b, err := os.ReadFile(c.path("errors"))
	if err != nil {
		return nil, err
	}
	return ReadErrors(bytes.NewReader(b))
}

// Limits reads `limits`.
func (c *Client) Limits() ([]Limit, error) {
	b, err := os.ReadFile(c.path("limits"))
	if err != nil {
		return nil, err
	}
	return ReadLimits(bytes.NewReader(b))
}

// Cares reads `gc`.
func (c *Client) Cares() ([]Care, error) {
	b, err := os.ReadFile(c.path(gcName))
	if err != nil {
		return nil, err
	}
	return ReadCares(bytes.NewReader(b))
}

// Sessions reads `sessions`.
func (c *Client) Sessions() ([]Session, error) {
	b, err := os.ReadFile(c.path(sessionsName))
	if err != nil {
		return nil, err
	}
	return ReadSessions(bytes.NewReader(b))
}

// History reads `history`: what ended at or below a path, the last one first.
func (c *Client) History(prefix string) ([]Past, error) {
	b, err := os.ReadFile(c.path(historyName))
	if err != nil {
		return nil, err
	}
	all, err := ReadHistory(bytes.NewReader(b))
	return slices.DeleteFunc(all, func(x Past) bool { return !below(x.Path, strings.Trim(prefix, "/")) }), err
}

// Shares reads `shares`.
func (c *Client) Shares() ([]Share, error) {
	b, err := os.ReadFile(c.path(sharesName))
	if err != nil {
		return nil, err
	}
	return ReadShares(bytes.NewReader(b))
}

// Share gives a region a second name for readers. Refusals are as those of Set.
func (c *Client) Share(region, name string) error {
	return c.change(sharesName, "read-only "+word(region)+" "+word(name)+"\n")
}

// Collect writes a command to `gc`: run, orphans, runs, run= with the name of one, or path= with a path. Refusals are as those of Set.
func (c *Client) Collect(command string) error { return c.change(gcName, command+"\n") }

// WouldCollect answers the paths of what a command would end now.
func (c *Client) WouldCollect(command string) ([]string, error) {
	b, err := os.ReadFile(c.path(gcName + "?" + url.QueryEscape(command)))
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		p, err := parsePairs(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		all = append(all, p["path"])
	}
	return all, nil
}

// Usage reads one of the files of `usage`: directory, user, group or owner.
func (c *Client) Usage(subject string) ([]Usage, error) {
	b, err := os.ReadFile(c.path(usageName + "/" + subject))
	if err != nil {
		return nil, err
	}
	return ReadUsage(bytes.NewReader(b))
}

// nameMax is the longest name that a file can have, in bytes (NAME_MAX in linux/limits.h).
const nameMax = 255

// Regions ranges over the regions at or below prefix, all for "". An error ends it.
func (c *Client) Regions(prefix string) iter.Seq2[Region, error] {
	prefix = strings.Trim(prefix, "/")
	name := "regions.json?" + url.Values{"prefix": {prefix}}.Encode()
	if prefix == "" || len(name) > nameMax {
		name = "regions.json"
	}
	return func(yield func(Region, error) bool) {
		f, err := os.Open(c.path(name))
		if err != nil {
			yield(Region{}, err)
			return
		}
		defer f.Close()
		for r, err := range ReadRegions(f) {
			if err == nil && !below(r.Path, prefix) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// ReadRegions reads `regions.json`. Path has the very bytes of the path. An error ends it.
func ReadRegions(r io.Reader) iter.Seq2[Region, error] {
	return func(yield func(Region, error) bool) {
		lines := json.NewDecoder(r)
		for {
			var x Region
			err := lines.Decode(&x)
			if err == io.EOF {
				return
			}
			if x.PathBase64 != nil {
				x.Path = string(x.PathBase64)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// Set changes one key of the configuration. A refusal is a *regions.Refusal with the server's reason and remedy, if
// they can be read.
func (c *Client) Set(key, value string) error {
	return c.change("config", key+"="+value+"\n")
}

// SetLimits changes limits of a subject: mount, directory, user, group or owner. Refusals are as those of Set.
func (c *Client) SetLimits(subject, name, limits string) error {
	if subject != accounts.Mount.String() {
		subject += " " + word(name)
	}
	return c.change("limits", subject+" "+limits+"\n")
}

// change writes a command to a file.
func (c *Client) change(file, command string) error {
	return c.Explained(fs.ControlName+"/"+file, func() error { return c.write(file, command) })
}

// Explained does what is done to a path of the mount, and adds to its error what `errors` says of the path since.
func (c *Client) Explained(path string, f func() error) error {
	before := c.lastRefusal(path)
	err := f()
	if err == nil {
		return nil
	}
	return c.explain(err, path, before.Seq)
}

// explain adds what `errors` says of a path since the refusal of number seq.
func (c *Client) explain(err error, path string, seq uint64) error {
	if x := c.lastRefusal(path); x.Seq > seq {
		return &regions.Refusal{Code: codeOf(x.Errno), Reason: x.Reason, Remedy: x.Remedy, Err: err}
	}
	return err
}

func (c *Client) write(name, command string) error {
	f, err := os.OpenFile(c.path(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(command)
	return errors.Join(err, f.Close())
}

// lastRefusal answers the last refusal that is about a path; the zero one if there is none, or they cannot be read.
func (c *Client) lastRefusal(path string) Refused {
	all, err := c.Errors()
	if err != nil {
		return Refused{}
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Path == path {
			return all[i]
		}
	}
	return Refused{}
}
