package access

// TrackedForTest is how many clients are tracked.
func (l *Limiter) TrackedForTest() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buckets)
}
