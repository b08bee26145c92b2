package main

import (
	"fmt"
	"io"
	"strings"
)

// writeMarkdown writes the page of the whole program as docs/command-line.md has it.
func writeMarkdown(w io.Writer, p *page) error {
	m := &markdownWriter{}
	m.printf("# The command line\n\n")
	m.printf("<!-- Written by `shmfs man --markdown`; a test keeps it current. Change the command, not this page. -->\n")
	m.paragraphs(p.text)
	m.printf("\n| Command | What it does |\n|---|---|\n")
	for _, c := range p.all()[1:] {
		m.printf("| [`%s`](#%s) | %s |\n", c.path, strings.ReplaceAll(c.path, " ", "-"), cell(c.usage))
	}
	m.exitCodes()
	for _, c := range p.all()[1:] {
		m.command(c)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

type markdownWriter struct{ strings.Builder }

func (m *markdownWriter) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

func (m *markdownWriter) command(p *page) {
	m.printf("\n## %s\n\n%s.\n\n```\n%s\n```\n", p.path, capital(p.usage), p.synopsis())
	m.paragraphs(p.text)
	if len(p.flags) == 0 {
		return
	}
	m.printf("\n| Option | Meaning |\n|---|---|\n")
	for _, f := range p.flags {
		m.printf("| `%s` | %s |\n", cell(f.String()), cell(f.explain()))
	}
}

func (m *markdownWriter) exitCodes() {
	m.printf("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n")
	for code, meaning := range exitMeanings {
		m.printf("| %d | %s |\n", code, cell(meaning))
	}
}

func (m *markdownWriter) paragraphs(all []string) {
	for _, p := range all {
		if strings.HasPrefix(p, literal) {
			m.printf("\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(p, literal), "\n"+literal, "\n"))
			continue
		}
		m.printf("\n%s\n", wrap(p, 120))
	}
}

// cell escapes what would end a table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
