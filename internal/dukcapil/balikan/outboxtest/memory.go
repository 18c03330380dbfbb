package outboxtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
)

// Memory is an outbox in memory.
type Memory struct {
	// Now dates rows.
	Now func() time.Time

	mu    sync.Mutex
	rows  []*memoryRow
	token byte
	fail  error
}

type memoryRow struct {
	balikan.Pending
	at, due            time.Time
	token              [16]byte
	delivered, damaged bool
}

// Fail makes every later call fail with that error; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Damage makes a row unreadable.
func (m *Memory) Damage(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.row(id).damaged = true
}

// failure is why a call fails. m.mu is held.
func (m *Memory) failure(ctx context.Context) error {
	if err := errors.Join(m.fail, ctx.Err()); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	return nil
}

func (m *Memory) row(id int64) *memoryRow {
	at := slices.IndexFunc(m.rows, func(r *memoryRow) bool { return r.ID == id })
	return m.rows[at]
}

// Add implements Outbox.
func (m *Memory) Add(ctx context.Context, rows ...balikan.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return err
	}
	for _, r := range rows {
		m.rows = append(m.rows, &memoryRow{
			Pending: balikan.Pending{ID: r.Seq, NIK: r.NIK, Customer: r.Customer}, at: r.At, due: m.Now(),
		})
	}
	return nil
}

// Lease implements balikan.Outbox.
func (m *Memory) Lease(ctx context.Context, n int, d time.Duration) (balikan.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return balikan.Lease{}, err
	}
	m.token++
	l := balikan.Lease{Token: [16]byte{m.token}}
	due := slices.Clone(m.rows)
	slices.SortStableFunc(due, func(a, b *memoryRow) int { return a.due.Compare(b.due) })
	for _, r := range due {
		if n == 0 || r.delivered || r.due.After(m.Now()) {
			continue
		}
		n--
		r.token, r.due = l.Token, m.Now().Add(d)
		r.Tries++
		if r.damaged {
			l.Damaged++
			continue
		}
		l.Rows = append(l.Rows, r.Pending)
	}
	return l, nil
}

// Delivered implements balikan.Outbox.
func (m *Memory) Delivered(ctx context.Context, ids []int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return err
	}
	for _, id := range ids {
		m.row(id).delivered = true
	}
	return nil
}

// Postpone implements balikan.Outbox.
func (m *Memory) Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return err
	}
	for _, id := range ids {
		if r := m.row(id); r.token == token && !r.delivered {
			r.due, r.token = until, [16]byte{}
		}
	}
	return nil
}

// Pending implements Outbox.
func (m *Memory) Pending(ctx context.Context) (n int64, oldest time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return 0, time.Time{}, err
	}
	for _, r := range m.rows {
		if r.delivered {
			continue
		}
		if n++; oldest.IsZero() || r.at.Before(oldest) {
			oldest = r.at
		}
	}
	return n, oldest, nil
}
