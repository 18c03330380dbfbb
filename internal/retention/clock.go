package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// ErrClock is why nothing is removed while the clock may be wrong: what was removed too
// early does not come back.
var ErrClock = errors.New("nothing is removed: the clock may be wrong")

const (
	// maxGap is by how much the clock may differ from the last run, which is an hour ago
	// while the service runs.
	maxGap = 24 * time.Hour
	// holdTime is for how long nothing is removed if the clock differs by more. Then it is
	// taken to be right, as it is after a stop of the service: else data would be kept for
	// ever.
	holdTime = 7 * 24 * time.Hour
)

const (
	selectLast = `SELECT coalesce(max(last_at), 0) FROM retention_days`
	// clipLast has runs that were dated by a wrong clock be no longer the last ones.
	clipLast = `UPDATE retention_days SET last_at = $1 WHERE last_at > $1`
)

// hold is a time in which nothing is removed.
type hold struct {
	// since is when it started, by the monotonic clock, and clock the wall clock then.
	since, clock time.Time
	last         int64
}

// CheckClock returns an error that is ErrClock if rows must not be removed for their age
// now, since the clock differs by more than a day from the last run that is stored. It
// may have been set wrong, or the service may have been stopped: that cannot be told
// apart. Another error has kind sesuai.KindUnavailable.
//
// CheckClock returns nil again once the clock is set right, or has been as it is for a
// week without a run of another process.
func (s *Store) CheckClock(ctx context.Context) error {
	_, err := s.checkClock(ctx, s.o.DB.Read())
	if err != nil && !errors.Is(err, ErrClock) {
		return sqldb.Unavailable(ctx, "reading when rows were removed last", err)
	}
	return err
}

// checkClock is CheckClock. behind is whether the clock is accepted although it is behind
// the last run.
func (s *Store) checkClock(ctx context.Context, q sqldb.Querier) (behind bool, err error) {
	var last int64
	if err := q.QueryRowContext(ctx, selectLast).Scan(&last); err != nil {
		return false, err
	}
	now := s.o.Now().Round(0) // without the monotonic clock, which nobody sets
	gap := now.Sub(time.UnixMicro(last))
	s.mu.Lock()
	defer s.mu.Unlock()
	if last == 0 || gap.Abs() <= maxGap {
		if s.hold != nil {
			s.hold = nil
			s.o.Held(nil)
		}
		return false, nil
	}
	if h := s.hold; h == nil || h.last != last || (now.Sub(h.clock)-time.Since(h.since)).Abs() > maxGap {
		s.hold = &hold{time.Now(), now, last}
		err = errClock(gap)
		if h == nil {
			s.o.Held(err)
		}
		return false, err
	}
	if time.Since(s.hold.since) < holdTime {
		return false, errClock(gap)
	}
	return gap < 0, nil
}

func errClock(gap time.Duration) error {
	direction := "ahead of"
	if gap < 0 {
		direction = "behind"
	}
	return fmt.Errorf("%w: it is %s %s the last time that rows were removed", ErrClock, gap.Abs().Round(time.Second), direction)
}

// Held reports whether nothing is removed now, as the last check found.
func (s *Store) Held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold != nil
}
