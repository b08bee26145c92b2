package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmfs/shmfs/backends/tmpfs"
	"github.com/shmfs/shmfs/fs/gofuse/ledger"
)

// What a service manager keeps of a mount, by name. The state is stored last: with it all is there.
const (
	storedConnection = "connection"
	storedLedger     = "ledger"
	storedArena      = "arena"
	storedPlace      = "place" // not of an ephemeral mount
	storedState      = "state"
)

// state is what a keeper knows and no descriptor tells. Later releases may add to it.
type state struct {
	Asked    string `json:"asked"` // the mount point as it was asked for
	Point    string `json:"point"` // as the kernel has it
	Said     string `json:"said"`  // the configuration as it was asked for
	Restarts uint64 `json:"restarts,omitempty"`
	Keepers  uint64 `json:"keepers,omitempty"` // that took over
	Died     int64  `json:"died,omitempty"`    // when the last keeper ended its server, in ns since 1970
}

// write writes the state over the one before. A reader takes the first object, whatever is left behind it.
func (s state) write(f *os.File) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append(b, '\n'), 0)
	return err
}

func readState(f *os.File) (state, error) {
	const most = 1 << 20 // bytes
	var s state
	err := json.NewDecoder(io.NewSectionReader(f, 0, most)).Decode(&s)
	return s, err
}

// stored is what the last keeper left with the service manager.
type stored struct {
	connection, ledger, arena, stateFile *os.File

	place   *os.File // nil for none
	state   state
	died    time.Time // when the last server did
	renewed bool      // what is asked for is not what was asked for then
}

// errIncomplete is what a keeper leaves that was killed while it stored.
var errIncomplete = errors.New("not all of it was stored")

// restore makes this process the keeper of what the last one left.
func restore(files map[string]*os.File, o mountOptions) (*stored, error) {
	s := &stored{
		connection: files[storedConnection], ledger: files[storedLedger], arena: files[storedArena],
		place: files[storedPlace], stateFile: files[storedState],
	}
	if s.connection == nil || s.ledger == nil || s.arena == nil || s.stateFile == nil {
		return nil, errIncomplete
	}
	var err error
	if s.state, err = readState(s.stateFile); err != nil {
		return nil, fmt.Errorf("the state of the last keeper: %w", err)
	}
	if ended(s.connection) {
		return nil, errors.New("the connection has ended")
	}
	orphaned, err := ledger.Hold(int(s.ledger.Fd()))
	if err != nil {
		return nil, err
	}
	s.died = s.state.died(orphaned)
	said := string(o.config.Encode())
	s.renewed = said != s.state.Said
	s.state.Said, s.state.Died = said, 0
	s.state.Keepers++
	return s, s.state.write(s.stateFile)
}

// died is when the mount lost its server, which the last keeper or that server has written down: the later of the two
// is of this time. If neither could, it is now.
func (s state) died(orphaned time.Time) time.Time {
	switch {
	case !orphaned.IsZero() && orphaned.UnixNano() > s.Died:
		return orphaned
	case s.Died > 0:
		return time.Unix(0, s.Died)
	}
	return time.Now()
}

// ended reports whether a connection is of no mount any more.
func ended(connection *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(connection.Fd())}}
	_, err := unix.Poll(fds, 0)
	return err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// resume takes the point and the place from what was stored.
func (s *serving) resume(from *stored) {
	s.stored, s.point, s.found = from, from.state.Point, true
	s.keepers = from.state.Keepers
	if from.place != nil {
		s.place = &place{tmpfs.Place(s.point, os.Geteuid()), from.place}
	}
}
