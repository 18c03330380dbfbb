package registrytest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryConformance(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registry.Enroller { return registrytest.NewMemory() })
}

func TestMemoryFailsAsTold(t *testing.T) {
	m := registrytest.NewMemory()
	down := errors.New("down")
	count := func() int {
		t.Helper()
		n, err := m.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fails := func(n int) {
		t.Helper()
		_, err := m.Enrol(t.Context(), registrytest.Person(t, n), nil)
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, down) {
			t.Errorf("Enrol = %v", err)
		}
	}

	m.FailBefore(down)
	fails(1)
	m.FailBefore(nil)
	if n := count(); n != 0 {
		t.Errorf("%d people on record after failing before", n)
	}
	m.FailAfter(down)
	fails(1)
	m.FailAfter(nil)
	if n := count(); n != 1 {
		t.Errorf("%d people on record after failing after", n)
	}
	if n := m.Calls("Enrol"); n != 2 {
		t.Errorf("%d calls of Enrol", n)
	}
}

func TestMemoryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := registrytest.NewMemory()
		m.Hang(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := m.Ask(ctx, registry.Question{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Ask returned %v after %v", err, time.Since(start))
		}
	})
}
