package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand(sh *shell) *cli.Command {
	var o manOptions
	return &cli.Command{
		Name:  "man",
		Usage: "print the man page",
		Description: describe("The page is written from the same tree as --help. Its source is roff, with man(7)'s macros.",
			"shmfs man | man -l -", "shmfs man > /usr/local/share/man/man8/shmfs.8"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "markdown", Usage: "print docs/command-line.md instead", Destination: &o.markdown},
		},
		Action: func(c *cli.Context) error {
			if err := atMost(c, 0); err != nil {
				return err
			}
			return o.run(sh)
		},
	}
}

type manOptions struct {
	markdown bool
}

func (o manOptions) run(sh *shell) error {
	p := newPage(newApp(sh))
	if o.markdown {
		return writeMarkdown(sh.out, p)
	}
	return writeMan(sh.out, p)
}

// writeMan writes the page of the whole program as roff, man(7).
func writeMan(w io.Writer, p *page) error {
	r := &roffWriter{}
	r.printf(".TH SHMFS 8 \"\" shmfs \"System administration\"\n")
	r.section("NAME")
	r.printf("shmfs \\- %s\n", roff(p.usage))
	r.section("SYNOPSIS")
	for _, c := range p.all()[1:] {
		if len(c.children) == 0 {
			r.printf(".br\n.B %s\n", roff(c.synopsis()))
		}
	}
	r.section("DESCRIPTION")
	r.paragraphs(p.text)
	r.section("COMMANDS")
	for _, c := range p.all()[1:] {
		r.command(c)
	}
	r.section("EXIT STATUS")
	for code, meaning := range exitMeanings {
		r.printf(".TP\n.B %d\n%s\n", code, roff(meaning))
	}
	r.section("SEE ALSO")
	r.printf(".BR mount (8),\n.BR shm_overview (7),\n.BR tmpfs (5),\n.BR fuse (4)\n")
	_, err := io.WriteString(w, r.String())
	return err
}

type roffWriter struct{ strings.Builder }

func (r *roffWriter) printf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

func (r *roffWriter) section(title string) { r.printf(".SH %s\n", title) }

func (r *roffWriter) command(p *page) {
	r.printf(".SS %s\n%s.\n", roff(p.synopsis()), roff(p.usage))
	r.paragraphs(p.text)
	for _, f := range p.flags {
		r.printf(".TP\n.B %s\n%s\n", roff(f.String()), roff(f.explain()))
	}
}

func (r *roffWriter) paragraphs(all []string) {
	for _, p := range all {
		if strings.HasPrefix(p, literal) {
			r.printf(".PP\n.EX\n%s\n.EE\n", roff(p))
			continue
		}
		r.printf(".PP\n%s\n", roff(p))
	}
}

// roff escapes what groff(7) would take as its own: backslashes, dashes that are typed, and a control character at the
// start of a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
