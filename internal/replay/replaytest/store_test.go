package replaytest_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/replay/replaytest"
)

func TestStoreConformance(t *testing.T) {
	replaytest.Run(t, func(*testing.T) replaytest.Stores {
		var s replaytest.Store
		return replaytest.Stores{&s, &s}
	})
}
