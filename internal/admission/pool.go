package admission

import "sync"

// share is how many times the free amount of a Pool one client may hold.
const share = 3

// Pool is an amount of something, such as bytes or slots, that clients take from
// and give back. It never waits. It is safe for concurrent use.
//
// A client may hold at most three times what is left free. So one client gets
// three quarters of the pool, two clients get three sevenths each, and however
// many there are, something is left for the next one. This is the dynamic
// threshold of Choudhury and Hahne (IEEE/ACM Transactions on Networking 6(2),
// 1998) with a factor of 3.
type Pool struct {
	size int64

	mu       sync.Mutex
	taken    int64
	byClient map[string]int64 // by client id; without zeros
}

// NewPool returns a Pool of that size. If it is under 4, one client may have all
// of it.
func NewPool(size int64) *Pool {
	return &Pool{size: size, byClient: make(map[string]int64)}
}

// Take takes n for the client and reports whether that was possible. What was
// taken must be given back.
func (p *Pool) Take(client string, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fits(client, n) {
		return false
	}
	p.taken += n
	p.byClient[client] += n
	return true
}

// Fits reports whether Take would have succeeded now.
func (p *Pool) Fits(client string, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fits(client, n)
}

func (p *Pool) fits(client string, n int64) bool {
	free := p.size - p.taken - n
	return free >= 0 && (p.size <= share || p.byClient[client]+n <= share*free)
}

// Give gives back n that the client took.
func (p *Pool) Give(client string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken -= n
	if p.byClient[client] -= n; p.byClient[client] == 0 {
		delete(p.byClient, client)
	}
}

// Taken returns how much is taken.
func (p *Pool) Taken() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}
