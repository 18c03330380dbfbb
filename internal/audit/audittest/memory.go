package audittest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// Memory is an audit.Log in memory. The zero Memory is empty. It is safe for
// concurrent use.
type Memory struct {
	mu            sync.Mutex
	events        []audit.Event
	before, after error
}

// FailBefore makes Append fail with err without recording the event. It works
// again with a nil err.
func (m *Memory) FailBefore(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = err
}

// FailAfter makes Append record the event and fail with err, as a database does
// whose connection breaks during the commit. It works again with a nil err.
func (m *Memory) FailAfter(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after = err
}

// Append implements audit.Log.
func (m *Memory) Append(ctx context.Context, e audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if m.before != nil {
		return unavailable(m.before)
	}
	m.events = append(m.events, e)
	if m.after != nil {
		return unavailable(m.after)
	}
	return nil
}

func unavailable(err error) error { return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err} }

// Events returns the recorded events in their order.
func (m *Memory) Events() []audit.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// Recorded implements Log.
func (m *Memory) Recorded(testing.TB) []Recorded {
	var all []Recorded
	for i, e := range m.Events() {
		all = append(all, Recorded{int64(i + 1), e.RequestID, e.Result})
	}
	return all
}
