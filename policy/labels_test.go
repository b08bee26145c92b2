package policy

import "testing"

type fakeProcess struct {
	args   []string
	env    map[string]string
	cgroup string
	exe    string
}

func (p fakeProcess) Arguments() []string         { return p.args }
func (p fakeProcess) Variable(name string) string { return p.env[name] }
func (p fakeProcess) Cgroup() string              { return p.cgroup }
func (p fakeProcess) Executable() string          { return p.exe }

func TestLabels(t *testing.T) {
	p := fakeProcess{args: []string{"python3", "train.py", "--worker", "3", "--seed=7", "--last"}, env: map[string]string{"RUN_ID": "r-1", "BAD": "a b", "MORE": "7,worker=3"},
		cgroup: "/slice/job-42/x", exe: "/usr/bin/python3.11"}
	for rules, want := range map[string]string{
		"none":            "",
		"run=env:RUN_ID":  "run=r-1",
		"run=env:NOTHING": "", "run=env:BAD": "", "run=env:MORE": "",
		"run=env:NOTHING run=env:RUN_ID":          "run=r-1",
		"run=env:RUN_ID run=arg:--worker":         "run=r-1",
		"worker=arg:--worker":                     "worker=3",
		"seed=arg:--seed":                         "seed=7",
		"last=arg:--last":                         "",
		"job=cgroup:/job-([^/]+)":                 "job=42",
		`app=cmdline:(\w+)\.py`:                   "app=train",
		"job=cgroup:/nothing-(.*)":                "",
		"program=exe:([^/]+)$":                    "program=python3.11",
		"run=env:RUN_ID x=arg:--no":               "run=r-1",
		"  run=env:RUN_ID   worker=arg:--worker ": "run=r-1,worker=3",
	} {
		all, err := ParseLabelRules(rules)
		if got := LabelsOf(all, p); err != nil || got != want {
			t.Errorf("%q: %q (%v), want %q", rules, got, err, want)
		}
	}
	for _, bad := range []string{"", "run", "run=", "run=env", "run=env:", "run=file:x", "job=cgroup:(", "job=cgroup:x", "job=cgroup:(a)(b)", "program=exe:x",
		"RUN=env:X", "=env:X", "a=env:A b=env:A c=env:A d=env:A e=env:A"} {
		if _, err := ParseLabelRules(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzLabelRules(f *testing.F) {
	f.Add("run=env:RUN_ID worker=arg:--worker", "--worker")
	f.Add("job=cgroup:/job-([^/]+)", "x")
	f.Fuzz(func(t *testing.T, rules, arg string) {
		all, err := ParseLabelRules(rules)
		if err != nil {
			return
		}
		LabelsOf(all, fakeProcess{args: []string{arg, arg}, cgroup: arg, exe: arg})
	})
}
