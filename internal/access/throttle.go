package access

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// throttleBuckets is how many token buckets there are for names, and for
// addresses. Names, or addresses, that fall into one bucket share it.
const throttleBuckets = 4096

// Throttle counts failed attempts for each name and each address. Its size is
// fixed, whatever callers send. It is safe for concurrent use.
type Throttle struct {
	seed             maphash.Seed
	names, addresses [throttleBuckets]*rate.Limiter
}

// NewThrottle returns a Throttle that lets a name and an address fail so many times a
// second, and as often at once as in the time burst.
func NewThrottle(ofName, ofAddress rate.Limit, burst time.Duration) *Throttle {
	t := &Throttle{seed: maphash.MakeSeed()}
	atOnce := func(l rate.Limit) int { return int(float64(l) * burst.Seconds()) }
	for i := range throttleBuckets {
		t.names[i] = rate.NewLimiter(ofName, atOnce(ofName))
		t.addresses[i] = rate.NewLimiter(ofAddress, atOnce(ofAddress))
	}
	return t
}

// buckets returns the token buckets of a name and an address. Nobody can
// choose a name or an address that falls into the bucket of another: the
// name's hash is keyed and the seed is secret. An IPv6 network of 64 bits counts as
// one address, since one host has as many addresses as it likes.
func (t *Throttle) buckets(name [32]byte, from netip.Addr) [2]*rate.Limiter {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		network, _ := from.Prefix(64) // an IPv6 address has 128 bits
		from = network.Addr()
	}
	return [2]*rate.Limiter{
		t.names[binary.BigEndian.Uint64(name[:])%throttleBuckets],
		t.addresses[maphash.Comparable(t.seed, from)%throttleBuckets],
	}
}

// Delay returns how long the name or the address has to wait until its next
// attempt is looked up; 0 if neither failed too often. name is a keyed hash.
func (t *Throttle) Delay(name [32]byte, from netip.Addr, now time.Time) time.Duration {
	var longest time.Duration
	for _, b := range t.buckets(name, from) {
		if missing := 1 - b.TokensAt(now); missing > 0 {
			longest = max(longest, time.Duration(missing/float64(b.Limit())*float64(time.Second)))
		}
	}
	return longest
}

// Count counts a failed attempt.
func (t *Throttle) Count(name [32]byte, from netip.Addr, now time.Time) {
	for _, b := range t.buckets(name, from) {
		b.AllowN(now, 1)
	}
}
