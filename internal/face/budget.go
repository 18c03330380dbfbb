package face

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// budget bounds the memory of all photographs that are decoded at once: a file
// of a few kilobytes can stand for hundreds of megabytes of pixels.
type budget struct {
	size int64
	left *semaphore.Weighted
}

func newBudget(size int64) *budget { return &budget{size, semaphore.NewWeighted(size)} }

// large is the number of bytes from which a photograph's memory is collected
// at once: left to itself, the collector lets as much again pile up.
const large = 64 << 20

// take waits until n bytes are free, or all of them if n is more than there
// are, and returns what gives them back. Its error is ctx's.
func (b *budget) take(ctx context.Context, n int64) (release func(), err error) {
	n = min(n, b.size)
	if err := b.left.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() {
		if n >= large {
			runtime.GC()
		}
		b.left.Release(n)
	}, nil
}
