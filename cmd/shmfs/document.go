package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// page is what every document says of a command: help, man page, docs/command-line.md and completion are written from
// it, so they cannot differ.
type page struct {
	path     string // "shmfs config check"
	usage    string // one line, without a full stop
	args     string // as in "MOUNTPOINT [PATH]"
	text     []string
	flags    []flagEntry
	children []*page
}

// flagEntry is a flag in a document.
type flagEntry struct {
	names   []string // with their dashes, short ones first
	value   string   // what stands for the value, empty if there is none
	text    string
	initial string // the default, empty if it need not be told
}

// literal begins each line of a paragraph that is shown as it is: examples.
const literal = "    "

// describe makes a command's description of its text and its examples.
func describe(text string, examples ...string) string {
	lines := make([]string, 0, len(examples))
	for _, e := range examples {
		lines = append(lines, literal+"$ "+e)
	}
	return strings.TrimLeft(text+"\n\n"+strings.Join(lines, "\n"), "\n")
}

// newPage makes the page of the program, with those of its commands below it.
func newPage(app *cli.App) *page {
	p := &page{path: app.Name, usage: app.Usage, text: paragraphs(app.Description), flags: flagEntries(app.Flags)}
	for _, c := range app.Commands {
		p.children = append(p.children, commandPage(p.path, c))
	}
	return p
}

func commandPage(parent string, c *cli.Command) *page {
	p := &page{
		path:  parent + " " + c.Name,
		usage: c.Usage,
		args:  c.ArgsUsage,
		text:  paragraphs(c.Description),
		flags: flagEntries(c.Flags),
	}
	for _, sub := range c.Subcommands {
		p.children = append(p.children, commandPage(p.path, sub))
	}
	return p
}

// find answers the page of a path, nil if there is none.
func (p *page) find(path string) *page {
	if p.path == path {
		return p
	}
	for _, c := range p.children {
		if found := c.find(path); found != nil {
			return found
		}
	}
	return nil
}

// all answers the page and those below it, in their order.
func (p *page) all() []*page {
	pages := []*page{p}
	for _, c := range p.children {
		pages = append(pages, c.all()...)
	}
	return pages
}

// name is the last word of the path.
func (p *page) name() string { return p.path[strings.LastIndexByte(p.path, ' ')+1:] }

// synopsis is the path with what may follow it.
func (p *page) synopsis() string {
	s := p.path
	if len(p.children) > 0 {
		s += " COMMAND"
	}
	if len(p.flags) > 0 {
		s += " [OPTIONS]"
	}
	return strings.TrimSpace(s + " " + p.args)
}

// paragraphs splits a description. Line breaks within a paragraph that is not literal are the source's, not the reader's.
func paragraphs(s string) []string {
	var all []string
	for p := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n\n") {
		switch {
		case strings.TrimSpace(p) == "":
		case strings.HasPrefix(p, literal):
			all = append(all, p)
		default:
			all = append(all, strings.Join(strings.Fields(p), " "))
		}
	}
	return all
}

func flagEntries(flags []cli.Flag) []flagEntry {
	var all []flagEntry
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		v, visible := f.(cli.VisibleFlag)
		if !ok || visible && !v.IsVisible() {
			continue
		}
		text, value := unquoteValue(d.GetUsage())
		e := flagEntry{text: text, names: dashedNames(f.Names())}
		if d.TakesValue() {
			e.value, e.initial = value, initialOf(f, d)
		}
		all = append(all, e)
	}
	return all
}

// initialOf is a flag's default: its own, or what is written instead of it.
func initialOf(f cli.Flag, d cli.DocGenerationFlag) string {
	if s, ok := f.(*cli.StringFlag); ok && s.DefaultText != "" {
		return s.DefaultText
	}
	return strings.Trim(d.GetValue(), `"`)
}

// dashedNames puts short names first.
func dashedNames(names []string) []string {
	all := make([]string, 0, len(names))
	for _, n := range names {
		all = append(all, dashed(n))
	}
	slices.SortStableFunc(all, func(a, b string) int { return min(len(a), 3) - min(len(b), 3) })
	return all
}

// unquoteValue takes the name of a flag's value from its usage, where it stands in back quotes (the library's habit). At
// the very beginning it is no part of the text.
func unquoteValue(usage string) (text, value string) {
	before, rest, found := strings.Cut(usage, "`")
	value, after, closed := strings.Cut(rest, "`")
	switch {
	case !found || !closed:
		return usage, "VALUE"
	case before == "":
		return strings.TrimSpace(after), value
	}
	return before + value + after, value
}

// String is the flag as help shows it: "-o, --option OPTIONS".
func (f flagEntry) String() string {
	return strings.TrimSpace(strings.Join(f.names, ", ") + " " + f.value)
}

// explain is the flag's text with its default.
func (f flagEntry) explain() string {
	if f.initial == "" {
		return f.text
	}
	return f.text + " (default " + f.initial + ")"
}
