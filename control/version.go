package control

import (
	"context"
	"net/url"
	"runtime"
)

// version is `version`.
func (d *directory) version(context.Context, url.Values) ([]byte, error) {
	var f flat
	f.text("version", d.sources.Version)
	f.int("control", Format)
	f.text("protocol", d.sources.FrontEnd().Protocol)
	f.text("go", runtime.Version())
	f.text("os", runtime.GOOS)
	f.text("arch", runtime.GOARCH)
	return f.b, nil
}
