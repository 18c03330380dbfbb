// Package admission divides memory, slots and workers among the clients that ask
// for them, so that no client takes what the others need. What a request costs,
// and what follows when it is not admitted, is left to its callers.
package admission

import "context"

// clientKey is the key of a context's client.
type clientKey struct{}

// WithClient returns a context whose work is done for the client with this id. A
// Queue takes turns between clients.
func WithClient(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, clientKey{}, id)
}

// ClientOf returns the id of the client for which ctx's work is done; "" if there
// is none, as in an import.
func ClientOf(ctx context.Context) string {
	id, _ := ctx.Value(clientKey{}).(string)
	return id
}

// backgroundKey is the key of a context whose work is in the background.
type backgroundKey struct{}

// InBackground returns a context whose work nobody waits for. A Queue admits it only
// to what is free.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// background reports whether ctx's work is in the background.
func background(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }
