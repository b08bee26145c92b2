package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NoPressure is the text of no pressure at which anything is done.
const NoPressure = "off"

// usualPressure is at what systemd asks services to give memory back that they can do without: 200 ms of 2 s
// (systemd.resource-control(5), MemoryPressureThresholdSec=).
const usualPressure = "some:10%/2s"

// Pressure is from when on memory counts as short: when some programs, or all that could run (Full), waited for it for so
// long within a window.
type Pressure struct {
	Full          bool
	Stall, Window time.Duration
}

// The windows that Linux takes (kernel/sched/psi.c, WINDOW_MIN_US and WINDOW_MAX_US).
const (
	leastWindow = 500 * time.Millisecond
	mostWindow  = 10 * time.Second
)

// ParsePressure reads some:10%/2s or full:100ms/2s; false for off.
func ParsePressure(s string) (p Pressure, on bool, err error) {
	if s == NoPressure {
		return Pressure{}, false, nil
	}
	err = fmt.Errorf("pressure %q: want some or full, a part and a window of 500ms to 10s, such as some:10%%/2s, or off", s)
	kind, rest, ok := strings.Cut(s, ":")
	part, window, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || kind != "some" && kind != "full" {
		return Pressure{}, false, err
	}
	p.Full = kind == "full"
	var bad error
	if p.Window, bad = time.ParseDuration(window); bad != nil || p.Window < leastWindow || p.Window > mostWindow {
		return Pressure{}, false, err
	}
	if number, percent := strings.CutSuffix(part, "%"); percent {
		n, bad := strconv.ParseUint(number, 10, 7)
		if bad != nil {
			return Pressure{}, false, err
		}
		p.Stall = p.Window * time.Duration(n) / 100
	} else if p.Stall, bad = time.ParseDuration(part); bad != nil {
		return Pressure{}, false, err
	}
	p.Stall, p.Window = p.Stall.Truncate(time.Microsecond), p.Window.Truncate(time.Microsecond)
	if p.Stall <= 0 || p.Stall > p.Window {
		return Pressure{}, false, err
	}
	return p, true, nil
}

// String answers what ParsePressure reads.
func (p Pressure) String() string {
	kind := "some"
	if p.Full {
		kind = "full"
	}
	part := p.Stall.String()
	if percent := p.Stall * 100 / p.Window; percent > 0 && p.Window*percent/100 == p.Stall {
		part = strconv.Itoa(int(percent)) + "%"
	}
	return kind + ":" + part + "/" + p.Window.String()
}

func setPressure(c *Config, s string) error {
	p, on, err := ParsePressure(s)
	if err != nil {
		return err
	}
	if c.Pressure = NoPressure; on {
		c.Pressure = p.String()
	}
	return nil
}
