package access

import (
	"context"
	"crypto/hmac"
	"sync"
	"time"
)

// The numbers of failed attempts whose credentials are looked up in the store.
// An address may be that of a proxy with many clients behind it.
const (
	failuresOfUsername = 1  // a second
	failuresOfAddress  = 10 // a second
	failuresBurst      = 10 // seconds' worth at once
)

func newFailures() *Throttle {
	return NewThrottle(failuresOfUsername, failuresOfAddress, failuresBurst*time.Second)
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
