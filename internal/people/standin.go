package people

import (
	"sync"
	"sync/atomic"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

// standIns are people who are compared with a claim about somebody who is not on
// record: opened like a person on record, and of the same form. So the time of an answer
// does not tell who is on record. The answer depends on nothing that they say. They
// are in memory alone, and refer to nobody. The zero value is ready for use, by several
// goroutines.
type standIns struct {
	// full is whether the person who was found last has optional attributes. Records
	// with them take longer to open.
	full   atomic.Bool
	sealed sync.Map // sealedPerson, by standInForm
}

// standInForm is what a stand-in is sealed under, and whether it has attributes.
type standInForm struct {
	master *keyring.Key
	full   bool
}

// follow has the stand-ins be like a person who was found.
func (s *standIns) follow(found record) { s.full.Store(len(found.Attributes) > 0) }

// open opens a stand-in that is sealed under a master key.
func (s *standIns) open(master *keyring.Key) (*person, error) {
	form := standInForm{master, s.full.Load()}
	stored, ok := s.sealed.Load(form)
	if !ok {
		sealed, err := sealStandIn(form)
		if err != nil {
			return nil, err
		}
		stored, _ = s.sealed.LoadOrStore(form, sealed)
	}
	sealed := stored.(sealedPerson)
	p := person{keys: sealed.keys}
	return p.open(nil, sealed.attributes, sealed.personKey)
}

// standInName is the name of every stand-in.
const standInName = "WIRASABA TEMBALANG KENANGA"

// sealStandIn seals a stand-in. Its NIK is empty, so that it is nobody's.
func sealStandIn(form standInForm) (p sealedPerson, err error) {
	r := record{Name: standInName, DateOfBirth: "01-01-1970", Status: sesuai.Active.String()}
	if form.full {
		r.Attributes = make(map[sesuai.Attribute]string)
		for _, a := range sesuai.Attributes {
			r.Attributes[a] = "TEMBALANG"
		}
	}
	p = sealedPerson{keys: keysUnder(form.master, sesuai.NIK{}), dataKey: keyring.NewDataKey(form.master.ID())}
	p.personKey = sealDataKey(p.keys, p.dataKey)
	p.attributes, err = sealRecord(p.keys, p.dataKey, r)
	return p, err
}
