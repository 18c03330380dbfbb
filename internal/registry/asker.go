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

type waitsKey struct{}

// WithWaits is a context for the calls of a Registry that has begun called when
// the registry begins to wait for somebody else: a moment to do what it will
// want next. It may be called again, and must return at once.
func WithWaits(ctx context.Context, begun func()) context.Context {
	return context.WithValue(ctx, waitsKey{}, begun)
}

// Waits says that the registry begins to wait.
func Waits(ctx context.Context) {
	if begun, ok := ctx.Value(waitsKey{}).(func()); ok {
		begun()
	}
}
