package access

import (
	"context"

	"github.com/sesuai/sesuai/internal/access/limit"
)

// Limiter limits the rates of clients. It is safe for concurrent use.
type Limiter struct{ rates *limit.Rates }

// NewLimiter returns a Limiter with these rates, which it closes.
func NewLimiter(rates *limit.Rates) *Limiter { return &Limiter{rates} }

// Close closes the rates.
func (l *Limiter) Close() { l.rates.Close() }

// Allow counts a request of a client. Errors are those of limit.Rates.
func (l *Limiter) Allow(ctx context.Context, c Client) error { return l.rates.Allow(ctx, c.call(0)) }

// AllowInBackground is Allow for a request that nobody waits for: half of Client.AtOnce
// is kept for others.
func (l *Limiter) AllowInBackground(ctx context.Context, c Client) error {
	return l.rates.Allow(ctx, c.call(c.AtOnce()/2))
}

// call returns a request of a client, beside which some are kept for others.
func (c Client) call(kept int) limit.Call {
	return limit.Call{Client: c.ID, Rate: c.Rate, Burst: c.AtOnce(), Kept: kept}
}
