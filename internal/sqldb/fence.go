package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// selectTimeline reads the identifier of a server's database cluster and the name
// of the log file that it writes. The name begins with the timeline, which a
// promotion increments. A standby writes none.
const selectTimeline = `
	SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END
	FROM pg_control_system()`

// timelineDigits is the number of hexadecimal digits of a timeline in the name of
// a log file.
const timelineDigits = 8

// timeline identifies the history that a server writes. The zero timeline is
// unknown, or a standby's.
type timeline struct {
	cluster string
	number  uint64
}

// fence refuses connections to a primary that another one has replaced. Such a
// server, once it is started again, accepts connections but has old data. A
// process can only refuse it after it has seen the new primary, so this does not
// replace the fencing of the cluster itself.
type fence struct {
	mu     sync.Mutex
	newest timeline
}

// timelineKey is the key of a connection's timeline in its custom data.
const timelineKey = "timeline"

// errReplacedPrimary is the reason for not using a server.
var errReplacedPrimary = errors.New("this primary has been replaced by another one")

// watch makes connections of that configuration fail if they lead to a replaced
// primary. The driver then tries the next host.
func (f *fence) watch(config *pgx.ConnConfig) {
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
		if !f.current(of) {
			return errReplacedPrimary
		}
		return nil
	}
}

// reset checks a connection before it is used again: it may lead to a primary
// that has been replaced since.
func (f *fence) reset(_ context.Context, conn *pgx.Conn) error {
	if of, ok := conn.PgConn().CustomData()[timelineKey].(timeline); ok && !f.current(of) {
		return driver.ErrBadConn
	}
	return nil
}

// current reports whether no newer timeline has been seen, and remembers this
// one. That of another cluster counts as newer: only an operator can have
// replaced the cluster.
func (f *fence) current(of timeline) bool {
	if of.number == 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if of.cluster == f.newest.cluster && of.number < f.newest.number {
		return false
	}
	f.newest = of
	return true
}

// timelineOf reads the timeline of a connection's server; the zero timeline if
// the server does not report it.
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
