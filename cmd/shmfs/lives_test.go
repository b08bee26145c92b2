package main

import (
	"regexp"
	"testing"

	"github.com/shmfs/shmfs/control"
)

func TestEventFilters(t *testing.T) {
	pid := uint32(7)
	x := &control.Event{Event: "deleted", Path: "jobs/a/b", PID: &pid}
	for s, want := range map[string]bool{
		"": true, "b": true, "jobs/**": true, "jobs/*": false, "event=deleted": true, "event!=deleted": false,
		"event=created,deleted b": true, "event=created": false, "pid=7": true, "pid=8,7": true, "pid=8": false, "uid=0": false,
		"uid!=0": true, "path=jobs/** pid=7": true, "path!=jobs/**": false,
	} {
		f, err := parseEventFilter(s)
		if err != nil || f.match(x) != want {
			t.Errorf("%q: matches %v (%v), want %v", s, f.match(x), err, want)
		}
	}
	f, err := parseEventFilter("event=created")
	if err != nil || !f.match(&control.Event{Event: "missed", Missed: 3}) {
		t.Errorf("what was missed is always told (%v)", err)
	}
	for _, s := range []string{"event=nothing", "size>3", "pid<3", `"`, "[", "path=[", "pid=sh", "uid=root,1"} {
		if _, err := parseEventFilter(s); err == nil {
			t.Errorf("%q is a filter", s)
		}
	}
}

// The help shows no filter that is refused.
func TestFiltersOfTheHelp(t *testing.T) {
	shown := 0
	for _, p := range newPage(newApp(newWorld().shell)).all() {
		for _, text := range p.text {
			for _, x := range regexp.MustCompile(`--filter '([^']*)'`).FindAllStringSubmatch(text, -1) {
				_, events := parseEventFilter(x[1])
				_, regions := parseFilter(x[1])
				if p.path == "shmfs events" && events != nil || p.path == "shmfs ls" && regions != nil {
					t.Errorf("%s shows %s: %v, %v", p.path, x[1], events, regions)
				}
				shown++
			}
		}
	}
	if shown < 2 {
		t.Errorf("%d filters are shown", shown)
	}
}

func TestCollectCommands(t *testing.T) {
	for want, o := range map[string]gcOptions{
		"": {}, "run": {now: true}, "run=7": {run: "7", dry: true}, "runs": {runs: true}, "orphans": {orphans: true, dry: true}, "path=/jobs": {below: true, path: "/mnt/jobs"},
	} {
		if got, err := o.command("jobs"); err != nil || got != want {
			t.Errorf("%+v: %q (%v), want %q", o, got, err, want)
		}
	}
	if got, err := (gcOptions{below: true, path: "/mnt/jobs "}).command("jobs "); err != nil || got != `path="/jobs "` {
		t.Errorf("a path that ends with a space: %s (%v)", got, err)
	}
	for _, o := range []gcOptions{{now: true, orphans: true}, {dry: true}, {now: true, dry: true}, {below: true},
		{run: "7", runs: true}} {
		if got, err := o.command(""); codeOf(err) != exitUsage {
			t.Errorf("%+v: %q (%v)", o, got, err)
		}
	}
}

func TestLifetimeUsage(t *testing.T) {
	for _, args := range [][]string{{"set"}, {"set", "/x"}, {"set", "/x", "lifetime"}, {"set", "/x", "size=3"},
		{"set", "/x", "lifetime=ever"}, {"set", "/x", "lifetime=owner", "pin=yes"}, {"set", "/x", "zero=1"}, {"set", "/x", "guard=group"},
		{"set", "/x", "labels=run"}, {"set", "/x", "labels=a=1,a=2"},
		{"set", "/x", "labels="}, {"set", "/x", "pin=true", "guard="}, {"gc", "--run", ""}, {"gc", "--run="}, {"events", "--filter", "event=x"}, {"gc", "a", "b"}} {
		if code, _, stderr := newWorld().run(args...); code != exitUsage || stderr == "" {
			t.Errorf("%q: code %d, %q", args, code, stderr)
		}
	}
	w := newWorld()
	for _, args := range [][]string{{"set", "/nowhere", "pin=true"}, {"gc", "/nowhere"}, {"events", "/nowhere"}} {
		if code, _, _ := w.run(args...); code == exitOK {
			t.Errorf("%q: done", args)
		}
	}
}
