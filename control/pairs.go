package control

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pairs writes one line of key=value, with a space between them.
type pairs struct{ b []byte }

func (p *pairs) add(key, value string) {
	if len(p.b) > 0 && p.b[len(p.b)-1] != '\n' {
		p.b = append(p.b, ' ')
	}
	p.b = append(p.b, key...)
	p.b = append(p.b, '=')
	p.b = append(p.b, word(value)...)
}

func (p *pairs) end() { p.b = append(p.b, '\n') }

// word writes s as one word: bare, or in double quotes with Go's escapes where it is empty, or has a space, a quote, a
// backslash, '=', what cannot be printed, or bytes that are not UTF-8. cutWord reads the very same bytes.
func word(s string) string {
	if isBare(s) {
		return s
	}
	return strconv.Quote(s)
}

func isBare(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return false
		}
		if r == '"' || r == '\\' || r == '=' || unicode.IsSpace(r) || !strconv.IsPrint(r) {
			return false
		}
	}
	return s != ""
}

// cutWord reads one word and answers what follows it.
func cutWord(s string) (word, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, ' ')
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", fmt.Errorf("a quote that does not end: %q", s)
	}
	word, err = strconv.Unquote(quoted)
	return word, s[len(quoted):], err
}

// parsePairs reads one line of key=value.
func parsePairs(line string) (map[string]string, error) {
	all := map[string]string{}
	for rest := line; rest != ""; {
		key, value, ok := strings.Cut(rest, "=")
		if !ok || !isBare(key) {
			return nil, fmt.Errorf("want key=value: %q", rest)
		}
		word, after, err := cutWord(value)
		if err != nil {
			return nil, err
		}
		if after != "" && after[0] != ' ' {
			return nil, fmt.Errorf("want a space after a value: %q", after)
		}
		all[key] = word
		rest = strings.TrimPrefix(after, " ")
	}
	return all, nil
}
