package webhook_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }
