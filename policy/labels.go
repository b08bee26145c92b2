package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shmfs/shmfs/regions"
)

// NoLabels is the text of no rules for labels.
const NoLabels = "none"

// Process is what rules ask about the process that makes a region. What cannot be read is empty.
type Process interface {
	Arguments() []string
	Variable(name string) string
	Cgroup() string
	Executable() string // its path
}

// LabelRule says where a label comes from.
type LabelRule struct {
	Key    string // of the label: run
	source string // env, arg, cmdline, exe, cgroup
	of     string // the variable, the option, the expression
	match  *regexp.Regexp
}

// ParseLabelRules reads KEY=SOURCE:WHAT, with spaces between several: run=env:RUN_ID worker=arg:--worker
// job=cgroup:/job-([^/]+). An expression has one group, which is the label's value.
func ParseLabelRules(s string) ([]LabelRule, error) {
	if s == NoLabels {
		return nil, nil
	}
	var all []LabelRule
	for word := range strings.FieldsSeq(s) {
		key, rest, _ := strings.Cut(word, "=")
		source, of, ok := strings.Cut(rest, ":")
		if !ok || of == "" {
			return nil, fmt.Errorf("%q: want a label and its source, such as run=env:RUN_ID", word)
		}
		if _, err := regions.ParseLabels(key + "=x"); err != nil {
			return nil, err
		}
		r := LabelRule{Key: key, source: source, of: of}
		switch source {
		case "env", "arg":
		case "cmdline", "exe", "cgroup":
			var err error
			if r.match, err = regexp.Compile(of); err != nil || r.match.NumSubexp() != 1 {
				return nil, fmt.Errorf("%q: want a regular expression with one group, such as /job-([^/]+)", of)
			}
		default:
			return nil, fmt.Errorf("%q: a label comes from env, arg, cmdline, exe or cgroup", source)
		}
		all = append(all, r)
	}
	if len(all) == 0 || len(all) > regions.MostLabels {
		return nil, fmt.Errorf("labels %q: want 1 to %d of them, or %s", s, regions.MostLabels, NoLabels)
	}
	return all, nil
}

// LabelsOf answers the labels that rules give a process, as regions.ParseLabels reads them. What no rule finds, and what
// cannot be a label's value, is left out. Of rules with the same key the first one holds that finds something.
func LabelsOf(rules []LabelRule, p Process) string {
	var words []string
	given := map[string]bool{}
	for _, r := range rules {
		value := r.value(p)
		word := r.Key + "=" + value
		if all, err := regions.ParseLabels(word); err != nil || all[r.Key] != value || given[r.Key] {
			continue // a comma in the value would make more labels of it
		}
		given[r.Key] = true
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

func (r *LabelRule) value(p Process) string {
	switch r.source {
	case "env":
		return p.Variable(r.of)
	case "arg":
		return argument(p.Arguments(), r.of)
	case "cgroup":
		return group(r.match, p.Cgroup())
	case "exe":
		return group(r.match, p.Executable())
	}
	return group(r.match, strings.Join(p.Arguments(), " "))
}

// argument answers the value of an option: --name=value, or the argument behind --name.
func argument(all []string, name string) string {
	for i, a := range all {
		if value, ok := strings.CutPrefix(a, name+"="); ok {
			return value
		}
		if a == name && i+1 < len(all) {
			return all[i+1]
		}
	}
	return ""
}

func group(re *regexp.Regexp, s string) string {
	m := re.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return m[1]
}

func setLabels(c *Config, s string) error {
	if _, err := ParseLabelRules(s); err != nil {
		return err
	}
	c.Labels = strings.Join(strings.Fields(s), " ")
	return nil
}
