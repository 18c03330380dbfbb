package accesstest

import (
	"cmp"
	"context"
	"fmt"
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
	clients []stored // ordered by name
	err     error
}

type stored struct {
	client access.Client
	hashes access.Hashes
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
	return slices.BinarySearchFunc(m.clients, name, func(s stored, name string) int { return cmp.Compare(s.client.Name, name) })
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
		if s.client.ID == c.ID || s.hashes.Username == h.Username {
			panic(fmt.Sprintf("clients %s and %s have the same ID or username", s.client.Name, c.Name))
		}
	}
	c.Scopes = slices.Clone(c.Scopes)
	c.AddedAt = time.UnixMicro(c.AddedAt.UnixMicro()).UTC()
	m.clients = slices.Insert(m.clients, i, stored{c, h})
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
		if s.hashes.Username == username {
			return s.copy(), s.hashes, true, nil
		}
	}
	return access.Client{}, access.Hashes{}, false, nil
}

// ListHashes implements access.Clients.
func (m *Memory) ListHashes(ctx context.Context) ([]access.Hashes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return nil, err
	}
	var all []access.Hashes
	for _, s := range m.clients {
		all = append(all, s.hashes)
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
		all = append(all, s.copy())
	}
	return all, nil
}

// ChangeClient implements access.Clients.
func (m *Memory) ChangeClient(ctx context.Context, name string, change func(*access.Client) error) (access.Client, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx); err != nil {
		return access.Client{}, false, err
	}
	i, found := m.find(name)
	if !found {
		return access.Client{}, false, nil
	}
	next, err := m.clients[i].client.Changed(change)
	if err != nil {
		return access.Client{}, false, err
	}
	m.clients[i].client = next
	return m.clients[i].copy(), true, nil
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
		m.clients = slices.Delete(m.clients, i, i+1)
	}
	return found, nil
}

// copy returns a client that its user may change.
func (s stored) copy() access.Client {
	c := s.client
	c.Scopes = slices.Clone(c.Scopes)
	return c
}
