package answertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
)

// Memory is Answers in memory. The zero Memory is empty, and its answers do not become
// old without a clock.
type Memory struct {
	// Now is the clock, by which answers are found until they have MaxAge.
	Now func() time.Time

	mu   sync.Mutex
	rows []answer.Row
	err  error
}

var _ Answers = (*Memory)(nil)

// Fail makes look-ups fail with err, until it is nil.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Add implements Answers.
func (m *Memory) Add(_ context.Context, rows ...answer.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, rows...)
	return nil
}

// ByRequest implements answer.Answers.
func (m *Memory) ByRequest(ctx context.Context, client, id string) (answer.Found, error) {
	return m.find(ctx, func(r answer.Row) bool { return r.Client == client && r.Request == id && id != "" })
}

// ByReference implements answer.Answers.
func (m *Memory) ByReference(ctx context.Context, client, reference string) (answer.Found, error) {
	return m.find(ctx, func(r answer.Row) bool { return r.Client == client && r.Reference == reference && reference != "" })
}

func (m *Memory) find(ctx context.Context, asked func(answer.Row) bool) (found answer.Found, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err = m.err; err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return found, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	for _, r := range slices.Backward(m.rows) {
		switch old := m.Now != nil && r.At.Before(m.Now().Add(-MaxAge)); {
		case old || !asked(r):
		case len(found.Rows) == answer.MaxFound:
			found.More = true
		default:
			found.Rows = append(found.Rows, r)
		}
	}
	return found, nil
}
