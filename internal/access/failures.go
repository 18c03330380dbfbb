package access

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The numbers of failed attempts whose credentials are looked up in the store.
// An address may be that of a proxy with many clients behind it.
const (
	failuresOfUsername = 1  // a second
	failuresOfAddress  = 10 // a second
	failuresBurst      = 10 // seconds' worth at once
)

// failureBuckets is how many token buckets there are for usernames, and for
// addresses. Usernames, or addresses, that fall into one bucket share it.
const failureBuckets = 4096

// failures counts failed attempts for each username and each address. Its size is
// fixed, whatever callers send. It is safe for concurrent use.
type failures struct {
	seed                 maphash.Seed
	usernames, addresses [failureBuckets]*rate.Limiter
}

func newFailures() *failures {
	f := &failures{seed: maphash.MakeSeed()}
	for i := range failureBuckets {
		f.usernames[i] = rate.NewLimiter(failuresOfUsername, failuresBurst*failuresOfUsername)
		f.addresses[i] = rate.NewLimiter(failuresOfAddress, failuresBurst*failuresOfAddress)
	}
	return f
}

// buckets returns the token buckets of a username and an address. Nobody can
// choose a username or an address that falls into the bucket of another: the
// username's hash and the seed are secret. An IPv6 network of 64 bits counts as
// one address, since one host has as many addresses as it likes.
func (f *failures) buckets(username [32]byte, from netip.Addr) [2]*rate.Limiter {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		network, _ := from.Prefix(64) // an IPv6 address has 128 bits
		from = network.Addr()
	}
	return [2]*rate.Limiter{
		f.usernames[binary.BigEndian.Uint64(username[:])%failureBuckets],
		f.addresses[maphash.Comparable(f.seed, from)%failureBuckets],
	}
}

// delay returns how long the username or the address has to wait until its next
// attempt is looked up; 0 if neither failed too often.
func (f *failures) delay(username [32]byte, from netip.Addr, now time.Time) time.Duration {
	var longest time.Duration
	for _, b := range f.buckets(username, from) {
		if missing := 1 - b.TokensAt(now); missing > 0 {
			longest = max(longest, time.Duration(missing/float64(b.Limit())*float64(time.Second)))
		}
	}
	return longest
}

// count counts a failed attempt.
func (f *failures) count(username [32]byte, from netip.Addr, now time.Time) {
	for _, b := range f.buckets(username, from) {
		b.AllowN(now, 1)
	}
}

const (
	// knownFor is how long the hashes of all clients are kept. A client that is
	// added, enabled or given new credentials is known after that time at the latest.
	knownFor = time.Second
	// knownTimeout is the time for reading them.
	knownTimeout = 2 * time.Second
)

// known has the hashes of all clients, read at most once in knownFor and only
// when somebody failed too often. It is safe for concurrent use.
type known struct {
	clients Clients

	mu     sync.Mutex
	readAt time.Time
	hashes map[[32]byte]Hashes // by Username
	err    error               // of the last reading
}

// check reports whether the credentials are those of a client, as far as is
// known. The error has kind sesuai.KindUnavailable.
func (k *known) check(ctx context.Context, given, nobody Hashes, now time.Time) (bool, error) {
	stored, found, err := k.find(ctx, given.Username, now)
	if err != nil {
		return false, err
	}
	if !found {
		stored = nobody
	}
	return same(given, stored) && found, nil
}

func (k *known) find(ctx context.Context, username [32]byte, now time.Time) (Hashes, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hashes == nil && k.err == nil || now.Sub(k.readAt) >= knownFor {
		// A caller that goes away must not keep the others from knowing.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), knownTimeout)
		defer cancel()
		var all []Hashes
		all, k.err = k.clients.ListHashes(ctx, now)
		k.readAt, k.hashes = now, make(map[[32]byte]Hashes, len(all))
		for _, h := range all {
			k.hashes[h.Username] = h
		}
	}
	stored, found := k.hashes[username]
	return stored, found, k.err
}

// same compares password and key. Both are compared, whatever the result of the
// first comparison.
func same(given, stored Hashes) bool {
	samePassword := hmac.Equal(given.Password[:], stored.Password[:])
	sameKey := hmac.Equal(given.APIKey[:], stored.APIKey[:])
	return samePassword && sameKey
}
