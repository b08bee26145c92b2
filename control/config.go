package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/shmfs/shmfs/fs"
	"github.com/shmfs/shmfs/regions"
)

// configFile is `config`: the configuration in effect, and one change a write.
type configFile struct{ d *directory }

func (f configFile) Snapshot(context.Context) ([]byte, error) {
	return f.d.sources.Config.Encode(), nil
}

// Write changes one key. Every refusal has a reason and a remedy, so that it is found in `errors`.
func (f configFile) Write(_ context.Context, _ fs.Caller, command []byte) error {
	key, value, err := parseSetting(string(command))
	if err != nil {
		return &regions.Refusal{Code: regions.Invalid, Reason: err.Error(), Remedy: "write one key=value, such as size=8G"}
	}
	err = f.d.sources.Config.Set(key, value)
	var r *regions.Refusal
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &regions.Refusal{Code: fs.CodeOf(err), Reason: fmt.Sprintf("%s=%s: %v", key, value, err),
		Remedy: "the value in effect stays: see .ctl/config", Err: err}
}

// parseSetting reads `key=value` or `key value`. Spaces around '=' and quotes around the value are allowed, so that a
// line of the file can be written back.
func parseSetting(command string) (key, value string, err error) {
	line := strings.TrimSpace(command)
	if strings.ContainsAny(line, "\n\r\x00") {
		return "", "", fmt.Errorf("more than one line in one write")
	}
	i := strings.IndexAny(line, "= \t")
	if i <= 0 {
		return "", "", fmt.Errorf("%q is not key=value", line)
	}
	key, value = line[:i], strings.TrimSpace(line[i:])
	value = strings.TrimSpace(strings.TrimPrefix(value, "="))
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return key, value, nil
}
