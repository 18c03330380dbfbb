package replaytest_test

import (
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
)

func TestMemoryConformance(t *testing.T) {
	replaytest.Run(t, func(*testing.T) replaytest.Recorders {
		var m replaytest.Memory
		return replaytest.Recorders{&m, &m}
	})
}

// TestMemoryFails: if it is not known whether a probe was remembered, the answer is
// neither yes nor no.
func TestMemoryFails(t *testing.T) {
	for about, fail := range map[string]func(*replaytest.Memory, error){
		"before": (*replaytest.Memory).FailBefore, "after": (*replaytest.Memory).FailAfter,
	} {
		var m replaytest.Memory
		replaytest.AssertSeen(t, &m, 1, replaytest.Probe(1, "a", 0), false)
		fail(&m, errors.New("broken"))
		for _, n := range []int{1, 2} {
			seen, err := replaytest.Seen(t.Context(), t, &m, 1, replaytest.Probe(n, "b", 1))
			if seen || sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Errorf("%s: Remember = %v, %v", about, seen, err)
			}
		}
		fail(&m, nil)
		replaytest.AssertSeen(t, &m, 1, replaytest.Probe(2, "c", 2), about == "after")
	}
}
