package httpapi

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
)

// maxLines is how many lines a second the log has about refused requests of one
// kind from unknown callers, and about refused connections. Anybody can send such
// requests.
const maxLines = 5

// sampler limits those lines. It is safe for concurrent use.
type sampler struct {
	mu    sync.Mutex
	kinds map[sesuai.Kind]*sample
}

// sample is what happened in one second.
type sample struct {
	second          int64 // since 1970
	logged, skipped int
}

// skippedLines is how many lines of a kind were not logged within one second.
type skippedLines struct {
	kind  sesuai.Kind
	count int
}

func newSampler() *sampler { return &sampler{kinds: make(map[sesuai.Kind]*sample)} }

// allow reports whether a line about a request of that kind is to be logged.
func (s *sampler) allow(kind sesuai.Kind, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kinds[kind]
	if !ok {
		k = new(sample)
		s.kinds[kind] = k
	}
	if k.skipped == 0 && k.second != now.Unix() {
		*k = sample{second: now.Unix()}
	}
	if k.logged == maxLines {
		k.skipped++
		return false
	}
	k.logged++
	return true
}

// past returns the lines that were not logged before this second, once, by kind.
func (s *sampler) past(now time.Time) []skippedLines {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []skippedLines
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		if k := s.kinds[kind]; k.skipped > 0 && k.second != now.Unix() {
			all = append(all, skippedLines{kind, k.skipped})
			*k = sample{second: now.Unix()}
		}
	}
	return all
}
