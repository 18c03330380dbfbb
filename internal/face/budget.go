package face

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// budget bounds the memory of all photographs that are decoded at once. A file
// of a few kilobytes may decode to hundreds of megabytes of pixels.
type budget struct {
	size int64
	free *semaphore.Weighted
}

func newBudget(size int64) *budget { return &budget{size, semaphore.NewWeighted(size)} }

// large is the size in bytes from which a photograph's memory is collected as
// soon as it is released. Otherwise the garbage collector lets the heap grow to
// twice that size.
const large = 64 << 20

// acquire waits until n bytes are free, or the whole budget if n is larger. The
// error is that of ctx.
func (b *budget) acquire(ctx context.Context, n int64) (release func(), err error) {
	n = min(n, b.size)
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() {
		if n >= large {
			runtime.GC()
		}
		b.free.Release(n)
	}, nil
}
