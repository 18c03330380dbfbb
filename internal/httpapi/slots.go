package httpapi

import "sync"

// slots count the requests in flight. One client never has all of them: a
// quarter is left for the others, so that nobody who sends slowly, or much,
// shuts them out. With fewer than four slots there is no quarter to leave.
type slots struct {
	all, each int

	mu       sync.Mutex
	taken    int
	byClient map[string]int // by client ID; only those with any
}

func newSlots(all int) *slots {
	return &slots{all: all, each: all - all/4, byClient: make(map[string]int)}
}

// take takes a slot for the client and reports whether there was one. Give it
// back.
func (s *slots) take(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == s.all || s.byClient[client] == s.each {
		return false
	}
	s.taken++
	s.byClient[client]++
	return true
}

func (s *slots) give(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
