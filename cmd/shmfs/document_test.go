package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryCommandIsExplained(t *testing.T) {
	for _, p := range newPage(newApp(newWorld().shell)).all()[1:] {
		if p.usage == "" || strings.HasSuffix(p.usage, ".") || strings.ToLower(p.usage[:1]) != p.usage[:1] {
			t.Errorf("%s: its usage %q is not one line that begins small and ends without a full stop", p.path, p.usage)
		}
		example := func(text string) bool {
			return strings.HasPrefix(text, literal) && strings.Contains(text, p.path)
		}
		if !slices.ContainsFunc(p.text, example) {
			t.Errorf("%s: its description has no example of it", p.path)
		}
		for _, f := range p.flags {
			if f.text == "" {
				t.Errorf("%s: %s is not explained", p.path, f)
			}
		}
		code, out, stderr := newWorld().run(append(strings.Fields(p.path)[1:], "--help")...)
		if code != exitOK || stderr != "" || !strings.HasPrefix(out, p.path+": "+p.usage) {
			t.Errorf("%s --help: code %d, stderr %q, stdout\n%s", p.path, code, stderr, out)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"-h"}, {"help"}} {
		code, out, _ := newWorld().run(args...)
		if code != exitOK {
			t.Errorf("%v: code %d", args, code)
		}
		contains(t, out, "mount       mount a shmfs and serve it", "Exit codes:", "6   busy: somebody has a region")
	}
	_, out, _ := newWorld().run("help", "config", "check")
	contains(t, out, "shmfs config check [OPTIONS] FILE", "$ shmfs config check /etc/shmfs.toml", "--json")
	_, out, _ = newWorld().run("mount", "/x", "--size", "0", "--help") // help comes before complaints
	contains(t, out, "--size SIZE", "(default 50%)", "-o, --option OPTIONS", "-f, --foreground")
	if strings.Contains(out, readyFlag) {
		t.Errorf("%s is nobody's business:\n%s", readyFlag, out)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	_, out, _ := newWorld().run("mount", "--help")
	for line := range strings.Lines(out) {
		if len(line) > lineWidth+1 && !strings.Contains(line, "$ ") {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
}

func TestDocsAreCurrent(t *testing.T) {
	_, want, _ := newWorld().run("man", "--markdown")
	got, err := os.ReadFile("../../docs/command-line.md")
	if err != nil || string(got) != want {
		t.Errorf("docs/command-line.md is not what the command tree says (%v): write it anew with\n"+
			"go run ./cmd/shmfs man --markdown > docs/command-line.md", err)
	}
}

// TestManPage checks the page as roff, with groff where there is one.
func TestManPage(t *testing.T) {
	code, out, _ := newWorld().run("man")
	if code != exitOK {
		t.Fatalf("code %d", code)
	}
	request := regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|B|BR|br|EX|EE)( |$)`)
	for line := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(line, ".") && !request.MatchString(line) || strings.HasPrefix(line, "'") {
			t.Errorf("not a request of man(7): %q", line)
		}
	}
	contains(t, out, ".SH NAME\nshmfs \\- shared memory as files\n", ".SS shmfs mount [OPTIONS] MOUNTPOINT",
		".B \\-\\-size SIZE", ".SH EXIT STATUS", ".B 6\nbusy")
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not installed: the page was checked by its requests only")
		return
	}
	cmd := exec.Command(groff, "-man", "-ww", "-Tutf8", "-z")
	cmd.Stdin = strings.NewReader(out)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("groff: %v\n%s", err, said)
	}
}

func TestRoffEscapes(t *testing.T) {
	for s, want := range map[string]string{
		".x": `\&.x`, "'x": `\&'x`, `a\b`: `a\eb`, "a-b": `a\-b`, "a\n.b": "a\n\\&.b", "plain": "plain",
	} {
		if got := roff(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"a bb ccc": "a bb\nccc", "aaaaaaaa b": "aaaaaaaa\nb", "": "", literal + "a  b c d": literal + "a  b c d",
	} {
		if got := wrap(text, 5); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for shell, wanted := range map[string][]string{
		"bash": {"complete -o filenames -F _shmfs shmfs", `"shmfs config") commands="check show"`, "--size"},
		"zsh":  {"#compdef shmfs\n", "compadd", `"shmfs config") commands="check show"`},
		"fish": {"-a mount -d 'mount a shmfs and serve it'", "-l size -r", "'__fish_seen_subcommand_from config; and",
			"a mount'"},
	} {
		code, out, _ := newWorld().run("completion", shell)
		if code != exitOK {
			t.Errorf("%s: code %d", shell, code)
		}
		if shell == "fish" {
			wanted = wanted[:3]
		}
		contains(t, out, wanted...)
	}
	if got, want := fishQuote(`it's a \`), `'it\'s a \\'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBashCompletes asks bash itself.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	_, script, _ := newWorld().run("completion", "bash")
	for line, want := range map[string]string{
		"shmfs mo":              "mount",
		"shmfs config c":        "check",
		"shmfs config ":         "check show",
		"shmfs mount --siz":     "--size",
		"shmfs umount --l":      "--lazy",
		"shmfs config check --": "--json --help",
		"shmfs mount /etc/host": "/etc/hosts",
	} {
		words := strings.Split(line, " ")
		var b bytes.Buffer
		b.WriteString(script + "\nCOMP_WORDS=(")
		for _, w := range words {
			b.WriteString("'" + w + "' ")
		}
		b.WriteString(")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_shmfs\necho \"${COMPREPLY[@]}\"\n")
		cmd := exec.Command(bash, "--norc", "-c", b.String())
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want && !strings.HasPrefix(got, want+" ") {
			t.Errorf("%q: got %q, %v; want %q", line, got, err, want)
		}
	}
}
