package app

import (
	"context"
	"time"
)

const (
	// writeInterval is how often readiness writes to the database at most,
	// however often it is asked.
	writeInterval = time.Second
	// writeTimeout bounds how long readiness waits for the database.
	writeTimeout = 2 * time.Second
)

// writeCheck finds out whether the database can be written to: reading works on a
// full disk, and while another writer keeps the lock, but no verification does. It
// is safe for concurrent use.
type writeCheck struct {
	// write writes something that is durable when it returns nil.
	write func(context.Context) error
	turn  chan struct{} // capacity one: whoever has put something in may go on
	at    time.Time     // of the last result
	err   error         // the last result
}

func newWriteCheck(write func(context.Context) error) *writeCheck {
	return &writeCheck{write: write, turn: make(chan struct{}, 1)}
}

// check returns a result that is at most writeInterval old. Callers that come
// while it is found out wait for it and share it.
func (w *writeCheck) check(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	if !w.at.IsZero() && time.Since(w.at) < writeInterval {
		return w.err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	w.err = w.write(ctx)
	w.at = time.Now()
	return w.err
}
