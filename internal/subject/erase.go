package subject

import (
	"context"
	"errors"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
)

// KeysAge is how long an answer is stored under an idempotency key.
const KeysAge = answer.KeyMaxAge

// Erasure is what was erased of a person, and what stays.
type Erasure struct {
	// Erased and Stays are how many rows of each table were erased, and how many stay.
	// Places says why.
	Erased []TableCount `json:"erased"`
	Stays  []TableCount `json:"stays"`
}

// maxRounds is how often Erase looks for what is stored. A verification that was in
// progress stores something after the first look.
const maxRounds = 5

// Erase erases what is stored of a person: the data key first, without which the record
// opens in no copy, then everything else that has something of the person. What stays
// is the audit trail, with a keyed hash of the NIK, and what refers to it. The erasure is
// an event of the trail, also if there was nothing to erase. If it fails half way, run it
// again.
//
// A request about the person that arrives later is answered as about anybody who is not
// on record, and leaves what every request does.
func (s *Service) Erase(ctx context.Context, nik sesuai.NIK) (Erasure, error) {
	counts := make(map[string]int)
	for round := 0; ; round++ {
		found, err := s.find(ctx, nik)
		if err != nil {
			// A record that does not open is erased all the same.
			if _, removed := s.o.People.Remove(ctx, nik); removed != nil || round > 0 {
				return Erasure{}, errors.Join(err, removed)
			}
			continue
		}
		tables := found.tables()
		if !slices.ContainsFunc(tables, TableCount.erasable) {
			return s.erased(ctx, nik, counts, tables)
		}
		if round == maxRounds {
			return Erasure{}, &sesuai.Error{
				Kind: sesuai.KindUnavailable, Detail: "requests about this person keep arriving: erase again when they have ended",
			}
		}
		if _, err := s.o.People.Remove(ctx, nik); err != nil {
			return Erasure{}, err
		}
		if err := s.eraseRequests(ctx, found); err != nil {
			return Erasure{}, err
		}
		for _, t := range tables {
			if t.erasable() {
				counts[t.Table] += t.Rows
			}
		}
	}
}

// eraseRequests erases what is stored of the requests about a person.
func (s *Service) eraseRequests(ctx context.Context, found stored) error {
	var seqs []int64
	for _, a := range found.answers {
		seqs = append(seqs, a.Seq)
	}
	var ids []string
	for _, m := range found.messages {
		ids = append(ids, m.ID)
	}
	if err := s.o.Answers.Erase(ctx, seqs, found.keyed); err != nil {
		return err
	}
	if err := s.o.Messages.Erase(ctx, ids); err != nil {
		return err
	}
	_, err := s.o.Batches.Erase(ctx, found.rows)
	return err
}

// erasable reports whether Erase erases the rows.
func (t TableCount) erasable() bool {
	place, ok := PlaceOf(t.Table)
	return ok && place.Erased == Erased
}

// erased records the erasure and returns what it was.
func (s *Service) erased(ctx context.Context, nik sesuai.NIK, counts map[string]int, stays []TableCount) (Erasure, error) {
	e := Erasure{Erased: []TableCount{}, Stays: stays}
	for _, p := range Places {
		if n := counts[p.Table]; n > 0 {
			e.Erased = append(e.Erased, TableCount{p.Table, n})
		}
	}
	return e, s.o.Record(ctx, audit.Change{Action: audit.SubjectErased, NIK: nik, Count: int64(total(e.Erased))})
}
