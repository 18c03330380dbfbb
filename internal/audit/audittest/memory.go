package audittest

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// Memory is an audit.Log and an audit.Reader in memory. The zero Memory is empty. It is safe for
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

// Recorded returns the recorded events in their order.
func (m *Memory) Recorded() []audit.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// Events implements audit.Reader. The hashes of NIKs have no key.
func (m *Memory) Events(ctx context.Context, f audit.Filter) (events []audit.Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	for i, e := range slices.Backward(m.events) {
		if !selects(f, int64(i+1), e) {
			continue
		}
		if f.Limit > 0 && len(events) == f.Limit {
			break
		}
		entry := audit.NewEntry(e, sha256.Sum256([]byte(e.NIK.Reveal())))
		entry.Seq = int64(i + 1)
		events = append(events, entry)
	}
	return events, nil
}

// Each implements audit.Reader.
func (m *Memory) Each(ctx context.Context, f audit.Filter, do func(audit.Entry) error) error {
	f.Limit = 0
	events, err := m.Events(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(events) {
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

func selects(f audit.Filter, seq int64, e audit.Event) bool {
	reason := strings.ToLower(e.Reason + string(e.Action))
	return !e.Time.Before(f.Since) && (f.Until.IsZero() || e.Time.Before(f.Until)) && seq > f.After && (f.Before == 0 || seq < f.Before) &&
		(f.Of == audit.Everything || (f.Of == audit.OnlyChanges) == (e.Result == audit.Changed)) &&
		(f.Client == "" || f.Client == e.Client) &&
		(len(f.RequestIDs) == 0 || slices.Contains(f.RequestIDs, e.RequestID)) &&
		(len(f.References) == 0 || slices.Contains(f.References, e.Reference)) &&
		(len(f.IDs) == 0 || slices.Contains(f.IDs, e.RequestID) || slices.Contains(f.IDs, e.Reference)) &&
		e.Flags.Has(f.Flags) && (f.NIK.IsZero() || f.NIK.Equal(e.NIK)) &&
		strings.Contains(reason, strings.ToLower(f.Reason))
}
