package control

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/shmfs/shmfs/fs"
)

// errors is `errors`: a line a refusal, oldest first.
func (d *directory) errors(context.Context, url.Values) ([]byte, error) {
	var p pairs
	for _, x := range d.sources.Tree().Refusals().Last() {
		writeRefusal(&p, &x)
	}
	return p.b, nil
}

func writeRefusal(p *pairs, x *fs.Refused) {
	p.add("time", x.Time.UTC().Format(time.RFC3339Nano))
	p.add("seq", strconv.FormatUint(x.Seq, 10))
	p.add("operation", x.Op.String())
	p.add("path", x.Path)
	p.add("errno", errnoNames[x.Code])
	p.add("pid", strconv.FormatUint(uint64(x.PID), 10))
	p.add("process", x.Process)
	p.add("uid", strconv.FormatUint(uint64(x.UID), 10))
	p.add("reason", x.Reason)
	p.add("remedy", x.Remedy)
	p.end()
}

// Refused is a line of `errors`: an operation that was refused for a reason that a person may want to hear.
type Refused struct {
	Time      time.Time `json:"time"`
	Seq       uint64    `json:"seq"` // from 1 on since the server started; a gap means that more came than are kept
	Operation string    `json:"operation"`
	Path      string    `json:"path"`  // relative to the root; "" is the root, or unknown
	Errno     string    `json:"errno"` // its name: ENOSPC
	PID       uint32    `json:"pid"`   // 0 if the server cannot name it
	Process   string    `json:"process"`
	UID       uint32    `json:"uid"`
	Reason    string    `json:"reason"`
	Remedy    string    `json:"remedy"`
}

// ReadErrors reads `errors`.
func ReadErrors(r io.Reader) ([]Refused, error) { return readPairs(r, parseRefused) }

func parseRefused(p map[string]string) (_ Refused, err error) {
	x := Refused{
		Operation: p["operation"], Path: p["path"], Errno: p["errno"], Process: p["process"],
		Reason: p["reason"], Remedy: p["remedy"],
	}
	if x.Time, err = time.Parse(time.RFC3339Nano, p["time"]); err != nil {
		return Refused{}, err
	}
	for key, n := range map[string]*uint32{"pid": &x.PID, "uid": &x.UID} {
		v, err := strconv.ParseUint(p[key], 10, 32)
		if err != nil {
			return Refused{}, fmt.Errorf("%s: %w", key, err)
		}
		*n = uint32(v)
	}
	if x.Seq, err = strconv.ParseUint(p["seq"], 10, 64); err != nil {
		return Refused{}, fmt.Errorf("seq: %w", err)
	}
	return x, nil
}
