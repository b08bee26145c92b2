package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Version is the version of the file's format that this release writes, and the only one that it reads. A file without
// a version is of this one.
const Version = 1

// MaxBytes is how large a configuration may be: some thousand times what all keys take.
const MaxBytes = 1 << 20

// Read reads a configuration of MaxBytes at most over the defaults; name is what its problems are reported under.
func Read(name string, r io.Reader) (Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Config{}, err
	}
	if len(data) > MaxBytes {
		return Config{}, fmt.Errorf("%q has more than %d bytes", name, MaxBytes)
	}
	return Parse(name, data)
}

// Parse reads TOML over the defaults; name is what its problems are reported under. All of them are, as Problems.
func Parse(name string, data []byte) (Config, error) {
	p := fileParser{name: name, config: Default(), places: map[string]unstable.Position{}}
	p.parser.Reset(data)
	p.walk()
	p.checkSyntax(data)
	for _, x := range p.config.conflicts() {
		p.report(p.places[x.Key], x.Message)
	}
	return p.config, p.problems.orNil()
}

// fileParser walks a file key by key: the decoder proper stops at the first value that it cannot take, and tells no
// position of one that we cannot.
type fileParser struct {
	name     string
	config   Config
	parser   unstable.Parser
	places   map[string]unstable.Position // where each key stands
	problems Problems
}

func (p *fileParser) report(at unstable.Position, message string) {
	p.problems = append(p.problems, Problem{File: p.name, Line: at.Line, Column: at.Column, Message: message})
}

// walk sets every key. What stands below a table that is not known is reported once, by the table.
func (p *fileParser) walk() {
	inTable := false
	for p.parser.NextExpression() {
		e := p.parser.Expression()
		key, at := p.keyOf(e)
		switch {
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			inTable = true
			p.report(at, fmt.Sprintf("unknown table %q", key))
		case !inTable:
			p.set(key, at, e.Value())
		}
	}
}

// keyOf joins the parts of a key, and answers where it begins.
func (p *fileParser) keyOf(e *unstable.Node) (string, unstable.Position) {
	var parts []string
	var at unstable.Position
	for it := e.Key(); it.Next(); {
		if parts == nil {
			at = p.parser.Shape(it.Node().Raw).Start
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), at
}

func (p *fileParser) set(key string, at unstable.Position, value *unstable.Node) {
	text := string(value.Data)
	switch value.Kind {
	case unstable.Integer:
		text = strings.ReplaceAll(text, "_", "")
	case unstable.Array:
		text = "[...]"
	case unstable.InlineTable:
		text = "{...}"
	}
	p.places[key] = at
	if err := p.setText(key, text); err != nil {
		p.report(at, err.Error())
	}
}

func (p *fileParser) setText(key, text string) error {
	if key != "version" {
		return p.config.Set(key, text)
	}
	if text != strconv.Itoa(Version) {
		return fmt.Errorf("version %q: this release of shmfs reads version %d", text, Version)
	}
	return nil
}

// checkSyntax lets the decoder proper have its say, on keys given twice too. What it says of a line that is reported
// already is not repeated.
func (p *fileParser) checkSyntax(data []byte) {
	var all map[string]any
	err := toml.Unmarshal(data, &all)
	if err == nil {
		return
	}
	var at unstable.Position
	if d := (*toml.DecodeError)(nil); errors.As(err, &d) {
		at.Line, at.Column = d.Position()
	}
	for _, x := range p.problems {
		if x.Line == at.Line {
			return
		}
	}
	p.report(at, strings.TrimPrefix(err.Error(), "toml: "))
}

// Encode writes the configuration as TOML, commented. Parse reads it as the same.
func (c *Config) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "version = %d\n", Version)
	for _, k := range Keys() {
		live := ""
		if k.Live {
			live = " Can change while mounted."
		}
		fmt.Fprintf(&b, "\n# %s%s\n# %s\n%s = %s\n", k.Help, live, k.Values, k.Name, k.encode(c))
	}
	return b.Bytes()
}

// EncodeChanged writes what is not as by default. Parse reads it as the same, and so does an earlier release, unless a
// key is set that it does not know.
func (c *Config) EncodeChanged() []byte {
	initial := Default()
	b := fmt.Appendf(nil, "version = %d\n", Version)
	for _, k := range Keys() {
		if k.get(c) != k.get(&initial) {
			b = fmt.Appendf(b, "%s = %s\n", k.Name, k.encode(c))
		}
	}
	return b
}

// encode writes a value: bare where TOML has a type for it. No text of ours needs an escape that Go and TOML write
// differently.
func (k *Key) encode(c *Config) string {
	text := k.get(c)
	if k.Kind == Switch && (text == "true" || text == "false") {
		return text
	}
	if _, err := strconv.ParseUint(text, 10, 63); err == nil && k.Kind == Number {
		return text
	}
	return strconv.Quote(text)
}
