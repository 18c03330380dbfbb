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

// ofName and ofAddress return the token buckets of a name and an address. Nobody can
// choose a name or an address that falls into the bucket of another: the
// name's hash is keyed and the seed is secret. An IPv6 network of 64 bits counts as
// one address, since one host has as many addresses as it likes.
func (t *Throttle) ofName(name [32]byte) *rate.Limiter {
	return t.names[binary.BigEndian.Uint64(name[:])%throttleBuckets]
}

func (t *Throttle) ofAddress(from netip.Addr) *rate.Limiter {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		network, _ := from.Prefix(64) // an IPv6 address has 128 bits
		from = network.Addr()
	}
	return t.addresses[maphash.Comparable(t.seed, from)%throttleBuckets]
}

// Delay returns how long the name or the address has to wait until its next
// attempt is looked up; 0 if neither failed too often. name is a keyed hash.
func (t *Throttle) Delay(name [32]byte, from netip.Addr, now time.Time) time.Duration {
	return max(delay(t.ofName(name), now), t.DelayOfAddress(from, now))
}

// DelayOfAddress is Delay for an attempt that cannot be guessed, for which no name has to wait.
func (t *Throttle) DelayOfAddress(from netip.Addr, now time.Time) time.Duration {
	return delay(t.ofAddress(from), now)
}

func delay(b *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - b.TokensAt(now)
	return max(0, time.Duration(missing/float64(b.Limit())*float64(time.Second)))
}

// Count counts a failed attempt.
func (t *Throttle) Count(name [32]byte, from netip.Addr, now time.Time) {
	t.ofName(name).AllowN(now, 1)
	t.CountAddress(from, now)
}

// CountAddress counts a failed attempt that cannot be guessed.
func (t *Throttle) CountAddress(from netip.Addr, now time.Time) { t.ofAddress(from).AllowN(now, 1) }
