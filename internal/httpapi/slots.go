package httpapi

import "sync"

// slots limits the requests in flight. One client may hold at most three
// quarters of the slots, so that a client that sends slowly or often does not
// block the others. With fewer than four slots one client may hold all.
type slots struct {
	all, each int

	mu       sync.Mutex
	taken    int
	byClient map[string]int // by client ID; without zeros
}

func newSlots(all int) *slots {
	return &slots{all: all, each: all - all/4, byClient: make(map[string]int)}
}

// acquire takes a slot for the client and reports whether one was free. Every
// acquired slot must be released.
func (s *slots) acquire(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == s.all || s.byClient[client] == s.each {
		return false
	}
	s.taken++
	s.byClient[client]++
	return true
}

func (s *slots) release(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
