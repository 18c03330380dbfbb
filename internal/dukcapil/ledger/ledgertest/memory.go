package ledgertest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// Memory is a call log in memory.
type Memory struct {
	mu      sync.Mutex
	entries []*Entry
	fail    error
}

// Entry is a call of a Memory.
type Entry struct {
	ledger.Call
	// Completion is nil if there is none.
	Completion *ledger.Completion
	Cancelled  bool
}

// Fail makes every later Start fail with that error before it has recorded
// anything; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Entries returns copies of all calls, in the order of their ids.
func (m *Memory) Entries() []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for _, e := range m.entries {
		all = append(all, *e)
	}
	return all
}

// Start implements ledger.CallLog. Ids count from 1.
func (m *Memory) Start(ctx context.Context, c ledger.Call) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.fail, ctx.Err()); err != nil {
		return 0, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	m.entries = append(m.entries, &Entry{Call: c})
	return int64(len(m.entries)), nil
}

// open is the entry of an id that can still be completed; nil if there is none.
func (m *Memory) open(id int64) *Entry {
	if id < 1 || id > int64(len(m.entries)) || m.entries[id-1].Completion != nil || m.entries[id-1].Cancelled {
		return nil
	}
	return m.entries[id-1]
}

// Complete implements ledger.CallLog.
func (m *Memory) Complete(_ context.Context, id int64, c ledger.Completion) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.open(id); e != nil {
		e.Completion = &c
	}
	return nil
}

// Cancel implements ledger.CallLog.
func (m *Memory) Cancel(_ context.Context, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.open(id); e != nil {
		e.Cancelled = true
	}
	return nil
}

// Usage implements CallLog.
func (m *Memory) Usage(_ context.Context, from, to ledger.Day) ([]ledger.Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var usage []ledger.Usage
	for _, e := range m.entries {
		day := ledger.DayOf(e.At)
		if e.Cancelled || day < from || day > to {
			continue
		}
		at := slices.IndexFunc(usage, func(u ledger.Usage) bool { return u.Day == day && u.Client == e.Client && u.Service == e.Service })
		if at < 0 {
			at = len(usage)
			usage = append(usage, ledger.Usage{Day: day, Client: e.Client, Service: e.Service})
		}
		usage[at].Counts = usage[at].Plus(e.counts())
	}
	slices.SortFunc(usage, func(a, b ledger.Usage) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Service, b.Service))
	})
	return usage, nil
}

func (e *Entry) counts() ledger.Counts {
	switch {
	case e.Completion == nil:
		return ledger.Counts{Calls: 1, Unknown: 1, RupiahAtMost: e.Price}
	case e.Completion.Billable:
		return ledger.Counts{Calls: 1, Billed: 1, Rupiah: e.Price, RupiahAtMost: e.Price}
	default:
		return ledger.Counts{Calls: 1, Failed: 1}
	}
}

// Today implements CallLog.
func (m *Memory) Today(_ context.Context, now time.Time) (map[ledger.Service]ledger.Today, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	today := make(map[ledger.Service]ledger.Today)
	for _, e := range m.entries {
		if e.Cancelled || ledger.DayOf(e.At) != ledger.DayOf(now) {
			continue
		}
		t := today[e.Service]
		if t.Calls == 0 || e.At.Before(t.First) {
			t.First = e.At
		}
		t.Calls++
		today[e.Service] = t
	}
	return today, nil
}
