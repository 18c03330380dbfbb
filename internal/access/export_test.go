package access

// TrackedForTest returns the number of clients that are tracked.
func (l *Limiter) TrackedForTest() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buckets)
}
