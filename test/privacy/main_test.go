// Package privacy_test reports and erases people among others, in a real database with
// its backups, and holds what the report lists to what a search of every table finds.
package privacy_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

// sizes are how many people are on record, and how many of them are reported and
// erased: PRIVACY_PEOPLE says the first (make privacy).
func sizes(t *testing.T) (people, subjects int) {
	t.Helper()
	text := os.Getenv("PRIVACY_PEOPLE")
	if text == "" {
		return 300, 4
	}
	people, err := strconv.Atoi(text)
	if err != nil || people < 1000 {
		t.Fatalf("PRIVACY_PEOPLE is %q: a number of at least 1000 is needed", text)
	}
	return people, 50
}
