package accesstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// Memory is access.Clients in memory. The zero Memory has no clients. It is safe
// for concurrent use.
type Memory struct {
	mu      sync.Mutex
	clients []access.Stored // ordered by name
	uses    map[string]time.Time
	err     error
}

// Fail makes all methods fail with err. They work again with a nil err.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// refuse returns the error of a method; nil if it works. m.mu is locked.
func (m *Memory) refuse(ctx context.Context) error {
	if err := cmp.Or(ctx.Err(), m.err); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	return nil
}

// find returns the index of a client, and whether it is there. m.mu is locked.
func (m *Memory) find(name string) (int, bool) {
	return slices.BinarySearchFunc(m.clients, name, func(s access.Stored, name string) int { return cmp.Compare(s.Client.Name, name) })
}

// AddClient implements access.Clients. It panics if the client is not valid, or
// has the ID or the username of another one: access.Add prevents both.
func (m *Memory) AddClient(ctx context.Context, c access.Client, h access.Hashes) error {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return err
	}
	i, taken := m.find(c.Name)
	if taken {
		return &sesuai.Error{Kind: sesuai.KindConflict}
	}
	for _, s := range m.clients {
		if s.Client.ID == c.ID || s.Hashes.Username == h.Username {
			panic(fmt.Sprintf("clients %s and %s have the same ID or username", s.Client.Name, c.Name))
		}
	}
	c.PreviousUntil = time.Time{}
	m.clients = slices.Insert(m.clients, i, access.Stored{Client: c.Rounded(), Hashes: h})
	return nil
}

// ClientByUsername implements access.Clients.
func (m *Memory) ClientByUsername(ctx context.Context, username [32]byte) (access.Client, access.Hashes, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return access.Client{}, access.Hashes{}, false, err
	}
	for _, s := range m.clients {
		for _, h := range hashes(s) {
			if h.Username == username {
				return s.Client.Rounded(), h, true, nil
			}
		}
	}
	return access.Client{}, access.Hashes{}, false, nil
}

// ListHashes implements access.Clients.
func (m *Memory) ListHashes(ctx context.Context, at time.Time) ([]access.Hashes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return nil, err
	}
	var all []access.Hashes
	for _, s := range m.clients {
		for _, h := range hashes(s) {
			if s.Client.ActiveAt(at) && (h.Until.IsZero() || at.Before(h.Until)) {
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// ListClients implements access.Clients.
func (m *Memory) ListClients(ctx context.Context) ([]access.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return nil, err
	}
	var all []access.Client
	for _, s := range m.clients {
		all = append(all, s.Client.Rounded())
	}
	return all, nil
}

// ChangeClient implements access.Clients.
func (m *Memory) ChangeClient(ctx context.Context, name string, change func(*access.Client) error) (access.Client, bool, error) {
	return m.alter(ctx, name, func(s *access.Stored) (err error) {
		s.Client, err = s.Client.Changed(change)
		return err
	})
}

// RotateClient implements access.Clients.
func (m *Memory) RotateClient(
	ctx context.Context, name string, next access.Hashes, end func(access.Client) (time.Time, error),
) (access.Client, bool, error) {
	return m.alter(ctx, name, func(s *access.Stored) error {
		until, err := end(s.Client.Rounded())
		s.Previous, s.Hashes = s.Hashes, next
		s.Previous.Until = time.UnixMicro(until.UnixMicro()).UTC()
		s.Client.PreviousUntil = s.Previous.Until
		return err
	})
}

// alter has f change what is stored of a client, unless f fails.
func (m *Memory) alter(ctx context.Context, name string, f func(*access.Stored) error) (access.Client, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return access.Client{}, false, err
	}
	i, found := m.find(name)
	if !found {
		return access.Client{}, false, nil
	}
	next := m.clients[i]
	if err := f(&next); err != nil {
		return access.Client{}, false, err
	}
	m.clients[i] = next
	return next.Client.Rounded(), true, nil
}

// RemoveClient implements access.Clients.
func (m *Memory) RemoveClient(ctx context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return false, err
	}
	i, found := m.find(name)
	if found {
		delete(m.uses, m.clients[i].Client.ID)
		m.clients = slices.Delete(m.clients, i, i+1)
	}
	return found, nil
}

// RecordUses implements access.Clients.
func (m *Memory) RecordUses(ctx context.Context, uses map[string]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return err
	}
	if m.uses == nil {
		m.uses = make(map[string]time.Time)
	}
	for id, at := range uses {
		at = at.Truncate(time.Minute).UTC()
		there := slices.ContainsFunc(m.clients, func(s access.Stored) bool { return s.Client.ID == id })
		if there && at.After(m.uses[id]) {
			m.uses[id] = at
		}
	}
	return nil
}

// LastUses implements access.Clients.
func (m *Memory) LastUses(ctx context.Context) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return nil, err
	}
	return maps.Clone(m.uses), nil
}

// hashes returns the hashes of all credentials of a client.
func hashes(s access.Stored) []access.Hashes {
	if s.Previous.Until.IsZero() {
		return []access.Hashes{s.Hashes}
	}
	return []access.Hashes{s.Hashes, s.Previous}
}
