// Package timing_test measures whether the time of an answer tells what the answer
// must not. It runs the built program and sends it requests of several classes, one
// after another in a random order. The test between two classes is that of
// compare. docs/reference/timing.md has what it found.
package timing_test

import (
	"os"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

const root = "../.."

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }
