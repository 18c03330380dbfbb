package registrytest

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestSamePhotograph: the photograph of the reference is recognised, in another
// form too, and another photograph is not. The very file is 100.
func (s suite) TestSamePhotograph(t *testing.T) {
	r := s.open(t)
	ownMatcher(t, r)
	portrait := Portrait(t, 1)
	unsigned := Portrait(t, 2) // as from before there were signatures
	unsigned.Signature = face.Signature{}
	enrol(t, r, Person(t, 1), portrait, registry.Added)
	enrol(t, r, Person(t, 2), unsigned, registry.Added)

	otherFile := Signature(1)
	otherFile.File = sha256.Sum256([]byte("the same, re-encoded"))
	otherFile.Look[0] ^= 1
	otherFile.Sketch[1] ^= 1 << 63
	sameFile := Signature(3)
	sameFile.File = unsigned.Source
	otherFileOf2 := Signature(2)
	otherFileOf2.File = otherFile.File
	for _, test := range []struct {
		name   string
		person int
		probe  face.Signature
		want   bool
	}{
		{"the file itself", 1, Signature(1), true},
		{"re-encoded", 1, otherFile, true},
		{"another photograph", 1, Signature(3), false},
		{"no signature", 1, face.Signature{}, false},
		{"the file, and none but its digest is known", 2, sameFile, true},
		{"re-encoded, and none but the digest is known", 2, otherFileOf2, false},
		{"no signature on either side", 2, face.Signature{}, false},
	} {
		probe := ProbeAt(t, Template(t, Model, test.person), 0.9)
		probe.Signature = test.probe
		compared := faceOf(t, r, test.person, probe)
		if !compared.Portrait || compared.SamePhotograph != test.want {
			t.Errorf("%s: the same photograph %v, want %v", test.name, compared.SamePhotograph, test.want)
		}
		if identical := strings.HasPrefix(test.name, "the file"); identical != (compared.Percentage.Value() == 100) {
			t.Errorf("%s: %v %%", test.name, compared.Percentage.Value())
		}
	}
}
