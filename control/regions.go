package control

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/shmfs/shmfs/regions"
)

// regionsTable is `regions`: for people, a line a region, the path last because it has no bound.
func (d *directory) regionsTable(ctx context.Context, query url.Values) ([]byte, error) {
	t := newTable(column{head: "ID"}, column{head: "SIZE", right: true}, column{head: "RESIDENT", right: true},
		column{head: "MODE"}, column{head: "OWNER"}, column{head: "BELONGS-TO"}, column{head: "OPENS", right: true},
		column{head: "IN-USE"}, column{head: "CREATED"}, column{head: "LAST-USED"}, column{head: "PATH"})
	err := d.eachRegion(ctx, query, func(it *regions.Item) error {
		r := d.region(it)
		t.row(orDash(r.ID), regions.FormatSize(r.Size), regions.FormatSize(r.Resident), r.Mode,
			owner(&r), belongsTo(&r), strconv.Itoa(r.Opens), yesNo(r.InUse), second(r.Created), second(r.LastUsed), word(r.Path))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.render(), nil
}

func owner(r *Region) string {
	return strconv.FormatUint(uint64(r.UID), 10) + ":" + strconv.FormatUint(uint64(r.GID), 10)
}

// belongsTo writes whose a region is, with which it ends if its lifetime says so.
func belongsTo(r *Region) string {
	if r.Owner == "" {
		return "-"
	}
	return word(r.OwnerKind + ":" + r.Owner)
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
