package control

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shmfs/shmfs/regions"
)

// regionsJSON is `regions.json`: a JSON object a line.
func (d *directory) regionsJSON(ctx context.Context, query url.Values) ([]byte, error) {
	const usualLine = 400 // bytes; what is longer grows the buffer
	var b []byte
	if query == nil {
		b = make([]byte, 0, usualLine*d.sources.Tree().Arena().Totals().Regions)
	}
	err := d.eachRegion(ctx, query, func(it *regions.Item) error {
		r := d.region(it)
		if !utf8.ValidString(r.Path) {
			r.PathBase64 = []byte(r.Path)
		}
		b = append(r.appendJSON(b), '\n')
		return nil
	})
	return b, err
}

// appendJSON writes what encoding/json writes of r, in a third of its time: 100,000 regions are written while clients
// wait for the processor.
func (r *Region) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), r.ID)
	b = appendText(append(b, `,"path":`...), r.Path)
	if r.PathBase64 != nil {
		b = append(append(b, `,"path_base64":`...), jsonOf(r.PathBase64)...)
	}
	b = appendText(append(b, `,"node":`...), r.Node)
	b = strconv.AppendUint(append(b, `,"inode":`...), r.Inode, 10)
	b = strconv.AppendInt(append(b, `,"size":`...), r.Size, 10)
	b = strconv.AppendInt(append(b, `,"resident":`...), r.Resident, 10)
	b = appendText(append(b, `,"mode":`...), r.Mode)
	b = appendID(append(b, `,"uid":`...), r.UID)
	b = appendID(append(b, `,"gid":`...), r.GID)
	b = appendID(append(b, `,"links":`...), r.Links)
	b = strconv.AppendInt(append(b, `,"opens":`...), int64(r.Opens), 10)
	b = strconv.AppendInt(append(b, `,"writers":`...), int64(r.Writers), 10)
	b = strconv.AppendBool(append(b, `,"in_use":`...), r.InUse)
	b = appendTime(b, `,"created":"`, r.Created)
	b = appendTime(b, `,"last_used":"`, r.LastUsed)
	b = appendID(append(b, `,"creator_pid":`...), r.CreatorPID)
	b = appendID(append(b, `,"creator_uid":`...), r.CreatorUID)
	b = appendID(append(b, `,"creator_gid":`...), r.CreatorGID)
	if r.CreatorCgroup != "" {
		b = appendText(append(b, `,"creator_cgroup":`...), r.CreatorCgroup)
	}
	b = appendText(append(b, `,"owner_kind":`...), r.OwnerKind)
	b = appendText(append(b, `,"owner":`...), r.Owner)
	return append(b, '}')
}

func appendID(b []byte, id uint32) []byte { return strconv.AppendUint(b, uint64(id), 10) }

// appendTime writes a time; the zero time is left out.
func appendTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(t.AppendFormat(append(b, key...), time.RFC3339Nano), '"')
}

// appendText writes a string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(b, jsonOf(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// jsonOf writes a string or bytes; there are none that cannot be written.
func jsonOf[T string | []byte](s T) []byte {
	b, _ := json.Marshal(s)
	return b
}
