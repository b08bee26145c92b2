package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

func helpCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:        "help",
		Usage:       "say how shmfs or one of its commands is used",
		ArgsUsage:   "[COMMAND]...",
		Description: describe("", "shmfs help mount"),
		Action: func(c *cli.Context) error {
			return helpOptions{c.Args().Slice()}.run(sh)
		},
	}
}

type helpOptions struct {
	words []string // of the command that is asked about
}

func (o helpOptions) run(sh *shell) error {
	p := newPage(newApp(sh))
	for _, word := range o.words {
		below := p.find(p.path + " " + word)
		if below == nil {
			return usageError("see "+p.path+" --help", "unknown command %q", word)
		}
		p = below
	}
	return writeHelp(sh.out, p)
}

// writeHelp writes a page for a terminal.
func writeHelp(w io.Writer, p *page) error {
	t := &textWriter{}
	t.printf("%s: %s\n\nUsage:\n%s%s\n", p.path, p.usage, literal, p.synopsis())
	for _, text := range p.text {
		t.printf("\n%s\n", wrap(text, lineWidth))
	}
	t.commands(p.children)
	t.flags(p.flags)
	switch {
	case len(p.children) > 0 && !strings.Contains(p.path, " "):
		t.exitCodes()
	case p.path != fsckPath: // which has its own
		t.printf("\nExit codes: shmfs --help\n")
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// textWriter is a page in the making.
type textWriter struct{ strings.Builder }

func (t *textWriter) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

func (t *textWriter) table(title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	t.printf("\n%s:\n", title)
	w := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s%s\t%s\n", literal, r[0], r[1])
	}
	w.Flush() // into memory: cannot fail
}

func (t *textWriter) commands(pages []*page) {
	var rows [][2]string
	for _, p := range pages {
		rows = append(rows, [2]string{p.name(), p.usage})
	}
	t.table("Commands", rows)
}

func (t *textWriter) flags(flags []flagEntry) {
	t.printf("\nOptions:\n")
	for _, f := range flags {
		t.printf("%s%s\n%s\n", literal, f, indent(wrap(f.explain(), lineWidth-8), 8))
	}
}

func (t *textWriter) exitCodes() {
	var rows [][2]string
	for code, meaning := range exitMeanings {
		rows = append(rows, [2]string{fmt.Sprint(code), meaning})
	}
	t.table("Exit codes", rows)
}

// lineWidth is how long a line of help may be, in bytes: a terminal's 80 columns.
const lineWidth = 80

// wrap breaks a paragraph into lines; a literal one stays as it is.
func wrap(text string, width int) string {
	if strings.HasPrefix(text, literal) {
		return text
	}
	var b strings.Builder
	length := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case length == 0:
		case length+1+len(word) > width:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}

func indent(text string, by int) string {
	space := strings.Repeat(" ", by)
	return space + strings.ReplaceAll(text, "\n", "\n"+space)
}
