package registry

import "context"

// Asker is on whose behalf a registry is asked.
type Asker struct {
	// Client is the client's id, RequestID that of its request, as the audit
	// trail has them. Both are empty for the operator at the command line.
	Client, RequestID string
}

type askerKey struct{}

// WithAsker is a context for the calls of a Registry that says who asks.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// AskerOf is who asks; the zero Asker if ctx does not say.
func AskerOf(ctx context.Context) Asker {
	a, _ := ctx.Value(askerKey{}).(Asker)
	return a
}
