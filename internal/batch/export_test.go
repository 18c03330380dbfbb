package batch

import "context"

// AbandonForTest abandons a batch, as if the commit that starts it had failed for that
// reason.
func (s *Service) AbandonForTest(ctx context.Context, b Batch, why error) error {
	return s.abandon(ctx, &b, why)
}
