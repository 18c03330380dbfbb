package registrytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/name"
	"github.com/sesuai/sesuai/internal/registry"
)

// Memory is a registry in memory for tests. It passes the conformance tests, and
// it can be told to fail. Make it with NewMemory.
type Memory struct {
	scale Scale
	now   func() time.Time

	mu     sync.Mutex
	people map[string]entry // by NIK
	faults faults
	calls  map[string]int
}

type entry struct {
	person                registry.Person
	portrait              *registry.Portrait
	enrolledAt, changedAt int64
}

// faults are the failures that the test asks for.
type faults struct {
	before, after error
	hang          bool
}

var (
	_ registry.Enroller = (*Memory)(nil)
	_ registry.Exporter = (*Memory)(nil)
	_ registry.Preparer = (*Memory)(nil)
)

// NewMemory makes an empty registry that compares on Scale.
func NewMemory() *Memory {
	return &Memory{now: time.Now, people: make(map[string]entry), calls: make(map[string]int)}
}

// FailBefore makes every call fail with err, as kind sesuai.KindUnavailable,
// before it does anything, like a backend that is down. nil ends that.
func (m *Memory) FailBefore(err error) { m.set(func(f *faults) { f.before = err }) }

// FailAfter makes every call fail with err, as kind sesuai.KindUnavailable, after
// it has done its work, like a connection that breaks before the answer arrives.
// It then breaks Enroller's promise that nothing has changed, as a network can.
// nil ends that.
func (m *Memory) FailAfter(err error) { m.set(func(f *faults) { f.after = err }) }

// Hang makes every call wait until its context ends, like a backend that does not
// answer. false ends that for later calls.
func (m *Memory) Hang(hang bool) { m.set(func(f *faults) { f.hang = hang }) }

// Calls returns how often the method of that name was called.
func (m *Memory) Calls(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

func (m *Memory) set(f func(*faults)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.faults)
}

// do runs f, which may use the people, unless the call is to fail.
func (m *Memory) do(ctx context.Context, method string, f func() error) error {
	m.mu.Lock()
	m.calls[method]++
	faults := m.faults
	m.mu.Unlock()
	if faults.hang {
		<-ctx.Done()
	}
	if err := errors.Join(ctx.Err(), faults.before); err != nil {
		return unavailable(method, err)
	}
	m.mu.Lock()
	err := f()
	m.mu.Unlock()
	if err == nil {
		err = faults.after
	}
	if err != nil {
		return unavailable(method, err)
	}
	return nil
}

func unavailable(method string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("registrytest: %s: %w", method, err)}
}

// Ask implements registry.Registry.
func (m *Memory) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	answer, err := m.prepare(ctx, "Ask", q)
	if err != nil {
		return registry.Answer{}, err
	}
	return answer(q.Probe)
}

// Prepare implements registry.Preparer.
func (m *Memory) Prepare(ctx context.Context, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	return m.prepare(ctx, "Prepare", q)
}

func (m *Memory) prepare(ctx context.Context, method string, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	var a registry.Answer
	var portrait *registry.Portrait
	err := m.do(ctx, method, func() error {
		e, ok := m.people[q.Claim.NIK.Reveal()]
		if !ok {
			return nil
		}
		a = registry.Answer{Found: true, Status: e.person.Status, NameScore: registry.NotScored}
		if !q.Claim.Name.IsZero() {
			a.NameScore = name.Score(q.Claim.Name.Reveal(), e.person.Name.Reveal())
		}
		if !q.Claim.DateOfBirth.IsZero() {
			a.DateOfBirth = sesuai.OutcomeOf(q.Claim.DateOfBirth.Equal(e.person.DateOfBirth))
		}
		a.Attributes = registry.Agreements(q.Claim, func(t sesuai.Attribute) string { return e.person.Attributes[t].Reveal() })
		if a.Status == sesuai.Active {
			portrait = e.portrait
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(probe *face.Probe) (_ registry.Answer, err error) {
		a := a
		if probe == nil || portrait == nil {
			return a, nil
		}
		if a.Face, err = portrait.Compare(*probe, m.scale, Calibration); err != nil {
			return registry.Answer{}, unavailable(method, err)
		}
		return a, nil
	}, nil
}

// Enrol implements registry.Enroller.
func (m *Memory) Enrol(ctx context.Context, p registry.Person, portrait *registry.Portrait) (registry.Change, error) {
	if err := errors.Join(p.Validate(), portrait.Validate()); err != nil {
		return registry.Unchanged, err
	}
	var change registry.Change
	e := copyOfBoth(registry.Enrolment{Person: p, Portrait: portrait})
	err := m.do(ctx, "Enrol", func() error {
		change = m.enrol(e, true)
		return nil
	})
	if err != nil {
		return registry.Unchanged, err
	}
	return change, nil
}

// EnrolBatch implements registry.Enroller.
func (m *Memory) EnrolBatch(ctx context.Context, batch []registry.Enrolment, replace bool) ([]registry.Change, error) {
	if err := registry.ValidateBatch(batch); err != nil {
		return nil, err
	}
	changes := make([]registry.Change, len(batch))
	err := m.do(ctx, "EnrolBatch", func() error {
		for i, e := range batch {
			changes[i] = m.enrol(copyOfBoth(e), replace)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// enrol puts e, which nobody else holds, on record. m.mu is held.
func (m *Memory) enrol(e registry.Enrolment, replace bool) registry.Change {
	now := m.now().UnixMicro()
	change := registry.Replaced
	before, ok := m.people[e.Person.NIK.Reveal()]
	switch {
	case !ok:
		change = registry.Added
		before.enrolledAt = now
	case samePerson(before.person, e.Person) && before.portrait.Same(e.Portrait):
		return registry.Unchanged
	case !replace:
		return registry.Kept
	}
	m.people[e.Person.NIK.Reveal()] = entry{
		person: e.Person, portrait: e.Portrait,
		enrolledAt: before.enrolledAt, changedAt: now,
	}
	return change
}

// Export implements registry.Exporter.
func (m *Memory) Export(ctx context.Context, each func(registry.Enrolment) error) error {
	var all []registry.Enrolment
	err := m.do(ctx, "Export", func() error {
		for _, e := range m.people {
			all = append(all, copyOfBoth(registry.Enrolment{Person: e.person, Portrait: e.portrait}))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// Holds implements registry.Enroller.
func (m *Memory) Holds(ctx context.Context, p registry.Person, portrait *registry.Portrait) (held bool, err error) {
	p = copyOf(p)
	err = m.do(ctx, "Holds", func() error {
		e, ok := m.people[p.NIK.Reveal()]
		held = ok && samePerson(e.person, p) && e.portrait.Same(portrait)
		return nil
	})
	return held && err == nil, err
}

// Lookup implements registry.Enroller.
func (m *Memory) Lookup(ctx context.Context, nik sesuai.NIK) (found registry.Entry, ok bool, err error) {
	err = m.do(ctx, "Lookup", func() error {
		var e entry
		if e, ok = m.people[nik.Reveal()]; !ok {
			return nil
		}
		found = registry.Entry{Status: e.person.Status, EnrolledAt: e.enrolledAt, ChangedAt: e.changedAt}
		for _, a := range sesuai.Attributes {
			if _, known := e.person.Attributes[a]; known {
				found.Attributes = append(found.Attributes, a)
			}
		}
		if e.portrait != nil {
			found.Portrait, found.Model = true, e.portrait.Template.Model
		}
		return nil
	})
	if err != nil {
		return registry.Entry{}, false, err
	}
	return found, ok, nil
}

// Remove implements registry.Enroller.
func (m *Memory) Remove(ctx context.Context, nik sesuai.NIK) (removed bool, err error) {
	err = m.do(ctx, "Remove", func() error {
		_, removed = m.people[nik.Reveal()]
		delete(m.people, nik.Reveal())
		return nil
	})
	return removed && err == nil, err
}

// Count implements registry.Enroller.
func (m *Memory) Count(ctx context.Context) (n int, err error) {
	err = m.do(ctx, "Count", func() error {
		n = len(m.people)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// copyOfBoth shares nothing with e that can be changed.
func copyOfBoth(e registry.Enrolment) registry.Enrolment {
	e.Person = copyOf(e.Person)
	if e.Portrait != nil {
		c := *e.Portrait
		c.Template.Vector = slices.Clone(c.Template.Vector)
		e.Portrait = &c
	}
	return e
}

// copyOf is the person with a map of its own, without attributes that are not
// known.
func copyOf(p registry.Person) registry.Person {
	p.Attributes = maps.Clone(p.Attributes)
	maps.DeleteFunc(p.Attributes, func(_ sesuai.Attribute, t sesuai.Text) bool { return t.IsZero() })
	return p
}

func samePerson(a, b registry.Person) bool {
	return a.NIK.Equal(b.NIK) && a.Name.Equal(b.Name) && a.DateOfBirth.Equal(b.DateOfBirth) && a.Status == b.Status &&
		maps.EqualFunc(a.Attributes, b.Attributes, sesuai.Text.Equal)
}
