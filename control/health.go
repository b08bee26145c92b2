package control

import (
	"context"
	"fmt"
	"net/url"

	"github.com/shmfs/shmfs/regions"
)

// The states of a check, best first.
const (
	stateOK       = "ok"
	stateDegraded = "degraded" // it works, and somebody should look
	stateFailed   = "failed"
)

// health is `health`: the worst of the checks first, then each check. Losses are named and are no failure: they are
// what this machine cannot do, and would never go away.
func (d *directory) health(context.Context, url.Values) ([]byte, error) {
	tree := d.sources.Tree()
	use, err := tree.Usage(regions.RootNode)
	if err != nil {
		var f flat
		f.text("status", stateFailed)
		f.text("arena", stateFailed)
		f.text("arena_error", err.Error())
		return f.b, nil
	}
	var f flat
	status, bytes, nodes := judge(use)
	gc, care := stateOK, d.sources.Caretaker.Sums()
	if care.Failing > 0 || care.Unwatched > 0 {
		gc, status = stateDegraded, stateDegraded
	}
	f.text("status", status)
	f.text("arena", stateOK)
	f.text("bytes", bytes)
	f.left("bytes_left", use.Bytes, use.BytesUsed)
	f.text("nodes", nodes)
	f.left("nodes_left", use.Nodes, use.NodesUsed)
	f.text("gc", gc)
	f.int("gc_failing", int64(care.Failing))
	f.int("gc_unwatched", int64(care.Unwatched))
	d.losses(&f)
	return f.b, nil
}

// judge answers the worst of the checks, and each of them.
func judge(use regions.Usage) (status, bytes, nodes string) {
	status = stateOK
	bytes, nodes = room(use.Bytes, use.BytesUsed), room(use.Nodes, use.NodesUsed)
	if bytes != stateOK || nodes != stateOK {
		status = stateDegraded
	}
	return status, bytes, nodes
}

// Summary is `health` in one line for people, and whether the arena answers at all.
func Summary(m *regions.Manager) (string, bool) {
	use, err := m.Usage(regions.RootNode)
	if err != nil {
		return stateFailed + ": " + err.Error(), false
	}
	status, bytes, nodes := judge(use)
	names := "regions"
	count := m.Accounts().Mount().Used.Regions // which waits for nothing: the keeper asks for it
	if count == 1 {
		names = "region"
	}
	text := fmt.Sprintf("%s: %d %s, %s used", status, count, names, regions.FormatSize(int64(use.BytesUsed)))
	if use.Bytes > 0 {
		text += " of " + regions.FormatSize(int64(use.Bytes))
	}
	if bytes != stateOK {
		text += "; bytes run out"
	}
	if nodes != stateOK {
		text += "; inodes run out"
	}
	return text, true
}

// room judges what is left of a limit (0: none): a twentieth or less is worth a look.
func room(limit, used uint64) string {
	if limit == 0 || used < limit && limit-used > limit/20 {
		return stateOK
	}
	return stateDegraded
}

func (f *flat) left(key string, limit, used uint64) {
	if limit == 0 {
		f.text(key, "max")
		return
	}
	f.uint(key, limit-min(limit, used))
}

// losses names what cannot be had here: first what the front end cannot do, then what the arena cannot.
func (d *directory) losses(f *flat) {
	all := append([]regions.Loss(nil), d.sources.FrontEnd().Losses...)
	all = append(all, d.sources.Tree().Arena().Properties().Losses...)
	f.int("losses", int64(len(all)))
	for i, l := range all {
		var p pairs
		p.add("what", l.What)
		p.add("why", l.Why)
		p.add("remedy", l.Remedy)
		f.text(fmt.Sprintf("loss_%d", i+1), string(p.b))
	}
}
