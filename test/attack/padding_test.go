package attack_test

import (
	"testing"
	"testing/synctest"

	"github.com/sesuai/sesuai/internal/app"
)

// TestPaddedEnumeration: a client whose answers mostly verify nobody is stopped. One that
// has as many verified answers, about somebody whom it knows, is not: its share of
// non-matches does not exceed limits.client.non_match_share. docs/reference/attacks.md
// says so. Whoever closes this gap changes both.
func TestPaddedEnumeration(t *testing.T) {
	const niks, limit = 60, 20
	for _, padding := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := app.DefaultConfig()
			c.Limits.Client.NonMatchesPerDay = limit
			s := startService(t, c, false)
			var asked []string
			for i := range niks / 2 {
				p := someone(i)
				s.enrol(t, p, nil)
				asked = append(asked, p.nik, unusedNIK(i))
			}
			var own *person
			if padding {
				p := someone(niks)
				s.enrol(t, p, nil)
				own = &p
			}
			a := s.newAttacker(t, conditions{maxQueries: never}) // who does not wait
			sorted, right := a.enumerate(asked, own)
			if stopped := sorted < niks; stopped == padding || sorted < limit || right != sorted {
				t.Errorf("padding %v: %d of %d NIKs are sorted, %d rightly", padding, sorted, niks, right)
			}
		})
	}
}
