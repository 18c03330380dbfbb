package limit

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"github.com/sesuai/sesuai/internal/keyring"
)

// The numbers of bytes that are stored of a lease's id and of the keyed hash of a NIK.
const (
	idSize   = 16
	hashSize = 16
)

// Lease is a request in progress.
type Lease struct {
	store  *Store
	id     [idSize]byte
	client string
	nik    string // the stored bytes; "" if the request is about nobody
	limits ClientConfig
	// held is whether it is among the requests in progress: they are not kept while no
	// limit depends on them. fresh is whether its NIK is not one of the client's of the
	// day.
	held, fresh bool
	ended       atomic.Bool
}

// newLease returns the lease of a request that is not granted yet.
func (s *Store) newLease(r Request) *Lease {
	l := &Lease{store: s, client: r.Client, limits: s.o.Config.Client.with(r.Settings)}
	_, _ = rand.Read(l.id[:]) // crypto/rand never fails
	if !r.NIK.IsZero() {
		l.nik = s.hash(r.NIK.Reveal())
	}
	return l
}

// hash returns what is stored of a NIK.
func (s *Store) hash(nik string) string {
	sum := s.o.Secret.Hash(keyring.Bind("limit_misses.nik", []byte(nik)))
	return string(sum[:hashSize])
}

// The keys that requests wait for: see queue.
const (
	ofNIK    = "nik "
	ofClient = "client "
)

// key returns what a request waits for that others of the client, or on the NIK, are in
// the way of.
func (l *Lease) key(byClient bool) string {
	if byClient {
		return ofClient + l.client
	}
	return ofNIK + l.nik
}

// keys returns both keys; that of the client alone if the request is about nobody.
func (l *Lease) keys() []string {
	if l.nik == "" {
		return []string{l.key(true)}
	}
	return []string{l.key(false), l.key(true)}
}

// locks returns the advisory locks of the NIK and the client, in PostgreSQL.
func (l *Lease) locks(secret *keyring.Secret) []int64 {
	number := func(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
	sum := secret.Hash(keyring.Bind("limit_leases.client", []byte(l.client)))
	locks := []int64{number(sum[:])}
	if l.nik != "" {
		locks = append(locks, number([]byte(l.nik)))
	}
	return locks
}

// Cancel ends a request that has no event. It does nothing to one that is completed. A
// nil Lease has nothing to cancel.
func (l *Lease) Cancel() { l.end(false) }

// Completed says that the transaction is committed in which a Counting has completed the
// lease.
func (l *Lease) Completed() { l.end(true) }

func (l *Lease) end(completed bool) {
	if l == nil || !l.held || l.ended.Swap(true) {
		return
	}
	l.store.leases.remove(l, completed)
	l.store.queue.changed(l.keys()...)
}
