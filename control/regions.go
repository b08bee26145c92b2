package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shmfs/shmfs/regions"
)

// regionsTable is `regions`: for people, a line a region, the path last because it has no bound.
func (d *directory) regionsTable(ctx context.Context, query url.Values) ([]byte, error) {
	t := newTable(column{head: "ID"}, column{head: "SIZE", right: true}, column{head: "RESIDENT", right: true},
		column{head: "MODE"}, column{head: "OWNER"}, column{head: "OPENS", right: true}, column{head: "IN-USE"},
		column{head: "CREATED"}, column{head: "LAST-USED"}, column{head: "PATH"})
	err := d.eachRegion(ctx, query, func(it *regions.Item) error {
		r := d.region(it)
		t.row(orDash(r.ID), regions.FormatSize(r.Size), regions.FormatSize(r.Resident), r.Mode,
			fmt.Sprintf("%d:%d", r.UID, r.GID), strconv.Itoa(r.Opens), yesNo(r.InUse),
			second(r.Created), second(r.LastUsed), string(appendWord(nil, r.Path)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.render(), nil
}

// second writes a time for people.
func second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// regionsJSON is `regions.json`: a JSON object a line.
func (d *directory) regionsJSON(ctx context.Context, query url.Values) ([]byte, error) {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	err := d.eachRegion(ctx, query, func(it *regions.Item) error {
		r := d.region(it)
		if !utf8.ValidString(r.Path) {
			r.PathBase64 = []byte(r.Path)
		}
		return lines.Encode(&r)
	})
	return b.Bytes(), err
}
