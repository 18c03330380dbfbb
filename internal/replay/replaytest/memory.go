package replaytest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/verify"
)

// Memory is a verify.Recorder in memory. It remembers probes of anybody, and it can
// be told to fail: see audittest.Memory. Its zero value is empty.
type Memory struct {
	audittest.Memory
	mu     sync.Mutex
	probes map[string][]replay.Probe // by NIK
}

var _ verify.Recorder = (*Memory)(nil)

// Record implements verify.Recorder. It stores no answers, and counts nothing.
func (m *Memory) Record(ctx context.Context, _ *limit.Lease, outcome func(limit.Prior) (audit.Event, *answer.Answer)) (limit.Prior, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, _ := outcome(limit.Prior{})
	return limit.Prior{}, m.Memory.Append(ctx, e)
}

// Remember implements verify.Recorder. It calls outcome for all of them, as a
// recorder may that runs its transaction again.
func (m *Memory) Remember(
	ctx context.Context, _ *limit.Lease, nik sesuai.NIK, p replay.Probe,
	outcome func(bool, limit.Prior, error) (audit.Event, *answer.Answer),
) (bool, limit.Prior, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	event := func(seen bool, err error) audit.Event {
		e, _ := outcome(seen, limit.Prior{}, err)
		return e
	}
	seen, kept := replay.Judge(m.probes[nik.Reveal()], p, replay.DefaultMaxAge)
	event(false, context.Canceled)
	event(!seen, nil)
	before := len(m.Recorded())
	err := m.Memory.Append(ctx, event(seen, nil))
	switch {
	case len(m.Recorded()) > before: // so it is if the failure came after that
		if m.probes == nil {
			m.probes = make(map[string][]replay.Probe)
		}
		m.probes[nik.Reveal()] = slices.Clone(kept)
	case err != nil: // the caller is gone, or the log fails again
		err = errors.Join(err, m.Memory.Append(context.WithoutCancel(ctx), event(false, err)))
	}
	return seen && err == nil, limit.Prior{}, err
}
