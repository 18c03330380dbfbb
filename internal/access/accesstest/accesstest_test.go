package accesstest_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
)

func TestMemory(t *testing.T) {
	accesstest.Run(t, func(*testing.T) access.Clients { return new(accesstest.Memory) })
}
