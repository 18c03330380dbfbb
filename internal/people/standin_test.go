package people_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestStandIn: the answer about somebody who is not on record says nothing, also if the
// claim is that of a stand-in, whoever was found before and under whichever key.
func TestStandIn(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		enrol(t, n, 1)
		claim := registrytest.Claim(registrytest.Person(t, 2))
		var err error
		if claim.Name, err = sesuai.ParseName("WIRASABA TEMBALANG KENANGA"); err != nil {
			t.Fatal(err)
		}
		if claim.DateOfBirth, err = sesuai.ParseDate("01-01-1970", time.Now()); err != nil {
			t.Fatal(err)
		}
		claim.Attributes = map[sesuai.Attribute]sesuai.Text{sesuai.City: sesuai.NewText("TEMBALANG")}
		assertUnknown := func() {
			t.Helper()
			for _, probe := range []registry.Question{
				{Claim: claim},
				{Claim: claim, Probe: registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 2), 0.9)},
			} {
				if a, err := n.Ask(t.Context(), probe); err != nil || !reflect.DeepEqual(a, registry.Answer{}) {
					t.Errorf("Ask = %+v, %v", a, err)
				}
			}
		}
		assertUnknown()
		if a, err := ask(t, n, 1); err != nil || !a.Found {
			t.Fatalf("Ask = %+v, %v", a, err)
		}
		assertUnknown()
		addKey(t, n, 2)
		if _, err := n.Rotate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		assertUnknown()
	})
}
