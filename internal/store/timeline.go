package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// selectTimeline asks a server which database cluster it has, and on which
// timeline it writes that: a promotion begins a new one. A standby writes on
// none.
const selectTimeline = `
	SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END
	FROM pg_control_system()`

// timelineDigits is how many hexadecimal digits of a log file's name are its
// timeline.
const timelineDigits = 8

// timeline is on which one a server writes which cluster.
type timeline struct {
	cluster string
	number  uint64
}

// timelines keeps a process from going back to a primary that has been replaced
// and does not know it, started again or cut off meanwhile: it takes
// connections, but its people are those of yesterday. Only who has seen the new
// primary can tell, so it is no fence.
type timelines struct {
	mu     sync.Mutex
	newest timeline
}

// timelineKey is the name of a connection's timeline among its custom data.
const timelineKey = "timeline"

// errReplacedPrimary is why a server is not connected to.
var errReplacedPrimary = errors.New("this primary has been replaced by another one")

// watch has connections of that configuration refused where they lead to a
// primary that has been replaced; the next host is tried.
func (t *timelines) watch(config *pgx.ConnConfig) {
	next := config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if next != nil {
			if err := next(ctx, conn); err != nil {
				return err
			}
		}
		of, err := timelineOf(ctx, conn)
		if err != nil {
			return err
		}
		conn.CustomData()[timelineKey] = of
		if !t.current(of) {
			return errReplacedPrimary
		}
		return nil
	}
}

// reset is asked before a connection is used again: it may lead to a primary
// that has been replaced since.
func (t *timelines) reset(_ context.Context, conn *pgx.Conn) error {
	if of, ok := conn.PgConn().CustomData()[timelineKey].(timeline); ok && !t.current(of) {
		return driver.ErrBadConn
	}
	return nil
}

// current reports whether nothing newer has been seen, and remembers it. That
// of another cluster, which only an operator can have put there, is newer.
func (t *timelines) current(of timeline) bool {
	if of.number == 0 {
		return true // not known, or a standby's
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if of.cluster == t.newest.cluster && of.number < t.newest.number {
		return false
	}
	t.newest = of
	return true
}

// timelineOf is where a connection leads: the zero timeline where the server
// does not say it.
func timelineOf(ctx context.Context, conn *pgconn.PgConn) (timeline, error) {
	results, err := conn.Exec(ctx, selectTimeline).ReadAll()
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return timeline{}, nil
	}
	if err != nil {
		return timeline{}, err
	}
	row := results[0].Rows[0]
	file := string(row[1])
	if len(file) < timelineDigits {
		return timeline{}, nil
	}
	number, err := strconv.ParseUint(file[:timelineDigits], 16, 32)
	return timeline{string(row[0]), number}, err
}
