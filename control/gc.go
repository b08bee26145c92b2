package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// gcName is the file that shows which regions end, when and why; one command a write.
const gcName = "gc"

type gcFile struct{ d *directory }

var _ fs.VirtualWriter = gcFile{}

func (f gcFile) Snapshot(context.Context) ([]byte, error) {
	var p pairs
	for _, x := range f.d.sources.Caretaker.Cares() {
		writeCare(&p, &x)
	}
	return p.b, nil
}

func writeCare(p *pairs, x *regions.Care) {
	p.add("path", x.Path)
	p.add("node", x.Node.String())
	p.add("lifetime", x.Lifetime.String())
	p.add("state", string(x.State))
	writeOwner(p, x)
	p.add("deadline", timeOrDash(x.Deadline))
	p.add("tries", strconv.Itoa(x.Tries))
	p.add("reason", x.Reason)
	p.end()
}

// writeOwner writes with whom something ends. What knows of processes only reads owner_pid.
func writeOwner(p *pairs, x *regions.Care) {
	pid := uint32(0)
	if x.Owner.Kind == regions.OwnerProcess {
		pid = x.Owner.ID
	}
	p.add("owner_pid", strconv.FormatUint(uint64(pid), 10))
	p.add("owner_kind", kindOf(x.Owner))
	p.add("owner", x.Owner.Name())
	p.add("owner_gone", strconv.FormatBool(x.Gone))
}

// kindOf names what an owner is; "" for none.
func kindOf(o regions.WhoOwns) string {
	if o == (regions.WhoOwns{}) {
		return ""
	}
	return o.Kind.String()
}

// Write ends regions: "run", "orphans", "runs", "run=7", "path=jobs/7". Every refusal has a reason and a remedy, so that it
// is found in `errors`.
func (f gcFile) Write(ctx context.Context, _ fs.Caller, command []byte) error {
	line := strings.TrimSpace(string(command))
	if line == "run" {
		f.d.sources.Caretaker.RunNow(ctx)
		return nil
	}
	want, err := f.d.choice(line)
	if err == nil {
		_, err = f.d.sources.Caretaker.EndChosen(ctx, want, "asked for with "+strconv.Quote(line)+" in .ctl/gc")
	}
	var r *regions.Refusal
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &regions.Refusal{Code: fs.CodeOf(err), Reason: fmt.Sprintf("%s: %v", oneLine(line), err),
		Remedy: "write run, orphans, runs, run= with the name of a run, or path= with the path of a region or a directory; to see what " +
			"would end: cat '.ctl/gc?orphans'", Err: err}
}

// CollectBelow answers the command that ends all regions at or below a path, whatever it is called: what stands at the end
// of a line without quotes, such as a space, is not part of a path.
func CollectBelow(path string) string { return "path=" + word(path) }

// choice reads all of these but "run".
func (d *directory) choice(line string) (regions.Choice, error) {
	switch line {
	case "orphans":
		return regions.Choice{Below: regions.RootNode, Orphans: true}, nil
	case "runs":
		return regions.Choice{Below: regions.RootNode, Runs: true}, nil
	}
	if run, ok := strings.CutPrefix(line, "run="); ok {
		_, err := regions.ParseLabels(regions.RunLabel + "=" + run)
		if err != nil {
			err = fmt.Errorf("%w: %w", err, regions.Invalid)
		}
		return regions.Choice{Below: regions.RootNode, Run: run}, err
	}
	path, ok := strings.CutPrefix(line, "path=")
	if !ok || strings.ContainsAny(path, "\n\x00") {
		return regions.Choice{}, fmt.Errorf("no such command: %w", regions.Invalid)
	}
	if strings.HasPrefix(path, `"`) {
		word, rest, err := cutWord(path)
		if err != nil || rest != "" {
			return regions.Choice{}, fmt.Errorf("want one path in double quotes: %w", regions.Invalid)
		}
		path = word
	}
	if path == "" {
		return regions.Choice{}, fmt.Errorf("no path, and path=/ is the whole mount: %w", regions.Invalid)
	}
	a, err := find(d.sources.Tree().Arena(), strings.Trim(path, "/"))
	return regions.Choice{Below: a.Node}, err
}

// findDry answers `gc?orphans`, `gc?runs`, `gc?run=7` and `gc?path=jobs%2F7`: what the command would end now, a path a line.
func (d *directory) findDry(query string) (fs.VirtualNode, bool) {
	line, err := url.QueryUnescape(query)
	choice := line == "orphans" || line == "runs" || strings.HasPrefix(line, "run=") || strings.HasPrefix(line, "path=")
	if err != nil || !choice {
		return fs.VirtualNode{}, false
	}
	return fs.VirtualNode{File: snapshot(func(ctx context.Context, _ url.Values) ([]byte, error) {
		want, err := d.choice(line)
		if err != nil {
			return nil, err
		}
		m := d.sources.Tree().Arena()
		var p pairs
		err = d.sources.Caretaker.Chosen(ctx, want, func(n regions.NodeID) error {
			if !m.Busy(n) {
				p.add("path", m.Path(n))
				p.end()
			}
			return nil
		})
		return p.b, err
	})}, true
}

// Care is a line of `gc`: a region that does not live until somebody removes it.
type Care struct {
	Path      string    `json:"path"`
	Node      string    `json:"node"`
	Lifetime  string    `json:"lifetime"`
	State     string    `json:"state"`
	OwnerPID  int64     `json:"owner_pid"` // 0 if the owner is no process
	OwnerKind string    `json:"owner_kind"`
	Owner     string    `json:"owner"` // its number, or the path of a control group; "" for none
	OwnerGone bool      `json:"owner_gone"`
	Deadline  time.Time `json:"deadline,omitzero"`
	Tries     int64     `json:"tries"`
	Reason    string    `json:"reason"`
}

// ReadCares reads `gc`.
func ReadCares(r io.Reader) ([]Care, error) { return readPairs(r, parseCare) }

func parseCare(p map[string]string) (_ Care, err error) {
	x := Care{Path: p["path"], Node: p["node"], Lifetime: p["lifetime"], State: p["state"], OwnerGone: p["owner_gone"] == "true",
		OwnerKind: p["owner_kind"], Owner: p["owner"], Reason: p["reason"]}
	if d := p["deadline"]; d != "-" {
		if x.Deadline, err = time.Parse(time.RFC3339Nano, d); err != nil {
			return Care{}, err
		}
	}
	return x, numbers(p, map[string]*int64{"owner_pid": &x.OwnerPID, "tries": &x.Tries})
}
