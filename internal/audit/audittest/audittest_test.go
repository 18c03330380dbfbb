package audittest_test

import (
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit/audittest"
)

func TestMemory(t *testing.T) {
	audittest.Run(t, func(*testing.T) audittest.Log { return new(audittest.Memory) })
}

func TestMemoryThatFails(t *testing.T) {
	var m audittest.Memory
	want := errors.New("no")
	for _, step := range []struct {
		fail     func(error)
		recorded int
	}{{m.FailBefore, 0}, {m.FailAfter, 1}} {
		step.fail(want)
		err := m.Append(t.Context(), audittest.Event(t, 1, "request"))
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, want) {
			t.Errorf("Append = %v", err)
		}
		step.fail(nil)
		if n := len(m.Recorded()); n != step.recorded {
			t.Errorf("%d events are recorded, want %d", n, step.recorded)
		}
	}
}
