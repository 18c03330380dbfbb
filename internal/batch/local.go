package batch

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/rows"
)

const (
	// localTries is how often a row is tried that gets no answer.
	localTries = 3
	// localPause is the pause before it is tried the second time. It doubles.
	localPause = 5 * time.Second
)

// Local verifies the rows of a file in this process, and stores none of them.
type Local struct {
	Upload
	// ID is that of the batch. With the one of an earlier run over the same file,
	// rows that were verified then are not verified again.
	ID       string
	Verifier Verifier
	// Answered returns the reply that was recorded for a request; false if there is
	// none.
	Answered func(ctx context.Context, request string) (Reply, bool, error)
	// Workers is the number of rows that are verified at the same time.
	Workers int
}

// NewID returns the ID of a new batch.
func NewID() string { return newID() }

// Run verifies the rows and passes their answers to write, in the order of the lines. A
// row that gets no answer is tried again after a pause, and then answered so. An error is
// that of the file, of write, of Answered, or of ctx.
func (l Local) Run(ctx context.Context, write func(Answer) error) (counts Counts, err error) {
	reader, err := rows.NewReader(l.Format, l.Claims, l.Columns)
	if err != nil {
		return counts, err
	}
	b := Batch{ID: l.ID, Client: l.Client.ID, Endpoint: l.Endpoint}
	// Answers in the order of their rows: a worker fills the channel of its own.
	ordered := make(chan chan Answer, 4*l.Workers)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(ordered)
		return l.read(ctx, b, reader, ordered)
	})
	all.Go(func() error {
		for one := range ordered {
			select {
			case a := <-one:
				if err := write(a); err != nil {
					return err
				}
				counts.add(a.Outcome)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return counts, all.Wait()
}

// read reads the rows, and has them verified on several workers.
func (l Local) read(ctx context.Context, b Batch, reader rows.Reader, ordered chan<- chan Answer) error {
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(l.Workers)
	for working.Err() == nil {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			workers.Go(func() error { return err })
			break
		}
		r := readRow(b, l.Upload, record)
		one := make(chan Answer, 1)
		select {
		case ordered <- one:
		case <-working.Done():
			return workers.Wait()
		}
		workers.Go(func() error {
			a, err := l.answer(working, b, r)
			if err == nil {
				one <- a
			}
			return err
		})
	}
	return workers.Wait()
}

// answer returns the answer to a row.
func (l Local) answer(ctx context.Context, b Batch, r received) (Answer, error) {
	if r.answer.Outcome != Pending {
		return r.answer, nil
	}
	request := b.RequestID(r.row.Line)
	reply, ok, err := l.Answered(ctx, request)
	for try := range localTries {
		if ok || err != nil {
			break
		}
		var failed error
		reply, failed = l.Verifier.VerifyRow(ctx, Call{Client: l.Client, Endpoint: l.Endpoint, Request: request, Row: r.row})
		if ok = failed == nil || try == localTries-1; !ok {
			err = wait(ctx, failed, localPause<<try)
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return newAnswer(b, r.row, reply), err
}

// wait waits before a row is tried again: as long as the failure says, or by default.
func wait(ctx context.Context, failed error, pause time.Duration) error {
	if e, ok := errors.AsType[*sesuai.Error](failed); ok {
		pause = max(pause, e.RetryAfter)
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Verified:
		c.Verified++
	case NotVerified:
		c.NotVerified++
	case Rejected:
		c.Rejected++
	}
}
