package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script with which a shell completes shmfs",
		ArgsUsage: "bash|zsh|fish",
		Description: describe("The script is written from the command tree and needs nothing else.",
			"source <(shmfs completion bash)",
			`shmfs completion zsh > "${fpath[1]}/_shmfs"`,
			"shmfs completion fish > ~/.config/fish/completions/shmfs.fish"),
		Action: func(c *cli.Context) error {
			if err := atMost(c, 1); err != nil {
				return err
			}
			return completionOptions{c.Args().First()}.run(sh)
		},
	}
}

type completionOptions struct {
	shell string
}

func (o completionOptions) run(sh *shell) error {
	p := newPage(newApp(sh))
	switch o.shell {
	case "bash":
		return writeScript(sh.out, bashScript(p))
	case "zsh":
		return writeScript(sh.out, zshScript(p))
	case "fish":
		return writeScript(sh.out, fishScript(p))
	case "":
		return usageError("shmfs completion bash, zsh or fish", "completion needs the name of a shell")
	}
	return usageError("there are scripts for bash, zsh and fish", "no completion for %q", o.shell)
}

func writeScript(w io.Writer, script string) error {
	_, err := io.WriteString(w, script)
	return err
}

// bashScript completes a command, then its flags, or files (bash(1), Programmable Completion).
func bashScript(root *page) string {
	return "# bash completion for shmfs\n" + walkFunction(root) + `_shmfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} commands flags
	_shmfs_at "${COMP_WORDS[@]:1:COMP_CWORD-1}"
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$cur"))
	elif [[ $commands ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _shmfs shmfs
`
}

// zshScript is the same for zsh (zshcompsys(1)). Its last line is for the first call of a file in fpath: zsh runs the
// whole file then, as the function.
func zshScript(root *page) string {
	return "#compdef shmfs\n" + walkFunction(root) + `_shmfs() {
	local commands flags
	_shmfs_at "${(@)words[2,CURRENT-1]}"
	if [[ $PREFIX == -* ]]; then
		compadd -- ${=flags}
	elif [[ -n $commands ]]; then
		compadd -- ${=commands}
	else
		_files
	fi
}
compdef _shmfs shmfs
[[ ${funcstack[1]} == _shmfs ]] && _shmfs "$@"
`
}

// walkFunction is a shell function, the same for bash and zsh, that sets commands and flags to what may follow the
// words that it is given.
func walkFunction(root *page) string {
	var b strings.Builder
	b.WriteString("_shmfs_at() {\n\tlocal at=shmfs word\n\tfor word in \"$@\"; do\n\t\tcase \"$at $word\" in\n\t\t")
	var known []string
	for _, p := range root.all()[1:] {
		known = append(known, `"`+p.path+`"`)
	}
	b.WriteString(strings.Join(known, "|") + ") at=\"$at $word\" ;;\n\t\tesac\n\tdone\n\tcase \"$at\" in\n")
	for _, p := range root.all() {
		fmt.Fprintf(&b, "\t%q) commands=%q flags=%q ;;\n", p.path, childNames(p), flagNames(p))
	}
	return b.String() + "\tesac\n}\n"
}

func childNames(p *page) string {
	var names []string
	for _, c := range p.children {
		names = append(names, c.name())
	}
	return strings.Join(names, " ")
}

func flagNames(p *page) string {
	var names []string
	for _, f := range p.flags {
		names = append(names, f.names...)
	}
	return strings.Join(names, " ")
}

// fishScript completes with the text of each command and flag beside it (complete(1) of fish).
func fishScript(root *page) string {
	var b strings.Builder
	b.WriteString("# fish completion for shmfs\n")
	for _, p := range root.all() {
		for _, c := range p.children {
			fmt.Fprintf(&b, "complete -c shmfs -f -n %s -a %s -d %s\n",
				fishQuote(fishCondition(p)), c.name(), fishQuote(c.usage))
		}
		for _, f := range p.flags {
			b.WriteString(fishFlag(p, f))
		}
	}
	return b.String()
}

func fishFlag(p *page, f flagEntry) string {
	s := "complete -c shmfs -n " + fishQuote(fishCondition(p))
	for _, n := range f.names {
		if name, long := strings.CutPrefix(n, "--"); long {
			s += " -l " + name
		} else {
			s += " -s " + n[1:]
		}
	}
	if f.value != "" {
		s += " -r"
	}
	return s + " -d " + fishQuote(f.text) + "\n"
}

// fishCondition holds where the command line stands at p: its words were seen and none of a command below it.
func fishCondition(p *page) string {
	words := strings.Fields(p.path)[1:]
	var all []string
	for _, w := range words {
		all = append(all, "__fish_seen_subcommand_from "+w)
	}
	if len(p.children) > 0 {
		all = append(all, "not __fish_seen_subcommand_from "+childNames(p))
	}
	return strings.Join(all, "; and ")
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
