package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// gate is a commit function that blocks until it is released. It must be made
// and used in a synctest bubble.
type gate struct {
	release chan error // one for each batch
	mu      sync.Mutex
	batches [][]int
}

func newGate() *gate { return &gate{release: make(chan error)} }

func (g *gate) commit(items []int) error {
	g.mu.Lock()
	g.batches = append(g.batches, slices.Sorted(slices.Values(items)))
	g.mu.Unlock()
	return <-g.release
}

// commitEach starts to commit items, and returns their outcomes when all wait.
func commitEach(ctx context.Context, b *sqldb.Batcher[int], items ...int) []chan error {
	var outcomes []chan error
	for _, item := range items {
		outcome := make(chan error, 1)
		outcomes = append(outcomes, outcome)
		go func() { outcome <- b.Commit(ctx, item) }()
		synctest.Wait()
	}
	return outcomes
}

func assertOutcomes(t *testing.T, want error, outcomes ...chan error) {
	t.Helper()
	for i, outcome := range outcomes {
		if err := <-outcome; !errors.Is(err, want) {
			t.Errorf("item %d: Commit = %v, want %v", i, err, want)
		}
	}
}

func (g *gate) assertBatches(t *testing.T, want ...[]int) {
	t.Helper()
	if diff := cmp.Diff(want, g.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

// TestBatcher: an item that arrives alone is committed alone, and those that
// arrive meanwhile together. Each gets the outcome of its batch.
func TestBatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := sqldb.NewBatcher(g.commit)
		first := commitEach(t.Context(), b, 1)
		second := commitEach(t.Context(), b, 2, 3, 4)
		g.release <- nil
		assertOutcomes(t, nil, first...)
		synctest.Wait()
		third := commitEach(t.Context(), b, 5)
		failed := errors.New("failed")
		g.release <- failed
		assertOutcomes(t, failed, second...)
		g.release <- nil
		assertOutcomes(t, nil, third...)
		b.Close()
		g.assertBatches(t, []int{1}, []int{2, 3, 4}, []int{5})
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := sqldb.NewBatcher(g.commit)
		outcomes := commitEach(t.Context(), b, make([]int, 1+sqldb.MaxBatch+1)...)
		for range 3 {
			g.release <- nil
		}
		assertOutcomes(t, nil, outcomes...)
		b.Close()
		g.assertBatches(t, []int{0}, make([]int, sqldb.MaxBatch), []int{0})
	})
}

// TestBatcherGivesUpWithTheContext: an item that waits when its context ends is
// not committed. One that is being committed may be.
func TestBatcherGivesUpWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := sqldb.NewBatcher(g.commit)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		committing := commitEach(ctx, b, 1)
		waiting := commitEach(ctx, b, 2)
		patient := commitEach(t.Context(), b, 3)
		assertOutcomes(t, context.DeadlineExceeded, committing[0], waiting[0])
		if err := b.Commit(ctx, 4); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit = %v", err)
		}
		g.release <- nil
		g.release <- nil
		assertOutcomes(t, nil, patient...)
		b.Close()
		g.assertBatches(t, []int{1}, []int{3})
	})
}

// TestCommitOrCancel: an item that waits when its context ends is not committed.
// For one that is being committed, the outcome is waited for.
func TestCommitOrCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := sqldb.NewBatcher(g.commit)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		outcomes := make([]chan error, 2)
		for i := range outcomes {
			outcomes[i] = make(chan error, 1)
			go func() { outcomes[i] <- b.CommitOrCancel(ctx, i) }()
			synctest.Wait()
		}
		assertOutcomes(t, context.DeadlineExceeded, outcomes[1])
		synctest.Wait()
		if len(outcomes[0]) > 0 {
			t.Error("CommitOrCancel has not waited")
		}
		failed := errors.New("failed")
		g.release <- failed
		assertOutcomes(t, failed, outcomes[0])
		b.Close()
		g.assertBatches(t, []int{0})
	})
}

// TestBatcherCommitsWhatWaitsWhenItIsClosed, and nothing that comes later.
func TestBatcherCommitsWhatWaitsWhenItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := sqldb.NewBatcher(g.commit)
		outcomes := commitEach(t.Context(), b, 1, 2, 3)
		closed := make(chan error, 1)
		go func() {
			b.Close()
			closed <- nil
		}()
		synctest.Wait()
		if err := b.Commit(t.Context(), 4); !errors.Is(err, sqldb.ErrClosed) {
			t.Errorf("Commit after Close = %v", err)
		}
		if len(closed) > 0 {
			t.Error("Close returned while items waited")
		}
		g.release <- nil
		g.release <- nil
		assertOutcomes(t, nil, append(outcomes, closed)...)
		g.assertBatches(t, []int{1}, []int{2, 3})
	})
}
