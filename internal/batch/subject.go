package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectRowPage = `
		SELECT line, outcome, sealed, answer FROM batch_rows WHERE batch = $1 AND line > $2 ORDER BY line LIMIT $3`
	// rowPage is the number of rows that are read at once: each may have a photograph.
	rowPage     = 50
	eraseRow    = `UPDATE batch_rows SET outcome = $1, answer = $2, sealed = NULL WHERE batch = $3 AND line = $4 AND outcome = $5`
	nikOfAField = "nik"
)

// erasedReply stands in place of the answer to a row that was erased.
var erasedReply = Reply{Status: http.StatusGone, Body: []byte(`{"error":"Erased"}`)}

// Stored is a row that is stored.
type Stored struct {
	Batch   Batch
	Line    int
	Outcome Outcome
	// NIK is what was sent as the NIK, while the row is not answered; "" after that.
	NIK string

	answer []byte // sealed
}

// Request is the id of the verification.
func (r Stored) Request() string { return r.Batch.RequestID(r.Line) }

// StoredOf returns the rows that are of what is asked, but for those that were erased. It
// opens every one that is not answered, since nothing of them can be looked for.
func (s *Service) StoredOf(ctx context.Context, of func(Stored) bool) (found []Stored, err error) {
	batches, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (Batch, error) { return s.store.scan(rows) }, selectAll)
	if err != nil {
		return nil, s.store.unavailable(ctx, "listing batches", "batches", err)
	}
	for _, b := range batches {
		for after := 0; ; {
			page, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (r Stored, err error) {
				var sealed []byte
				r.Batch = b
				if err := rows.Scan(&r.Line, &r.Outcome, &sealed, &r.answer); err != nil || sealed == nil {
					return r, err
				}
				sent, err := s.store.openRow(b, r.Line, sealed)
				defer clear(sent.Photo)
				r.NIK = sent.Fields[nikOfAField]
				return r, err
			}, selectRowPage, b.number, after, rowPage)
			if err != nil {
				return nil, s.store.unavailable(ctx, "reading rows of batches", "batch_rows", err)
			}
			for _, r := range page {
				if !of(r) {
					continue
				}
				if erased, err := s.store.erased(r); err != nil {
					return nil, s.store.unavailable(ctx, "reading rows of batches", "batch_rows", err)
				} else if !erased {
					found = append(found, r)
				}
			}
			if len(page) < rowPage {
				break
			}
			after = page[len(page)-1].Line
		}
	}
	return found, nil
}

// erased reports whether a row is one whose answer Erase has replaced.
func (s *store) erased(r Stored) (bool, error) {
	if r.Outcome == Pending {
		return false, nil
	}
	plain, err := s.secret.Open(byte(r.Line), r.answer, bindAnswer(r.Batch, r.Line, r.Outcome))
	var a Answer
	if err != nil || json.Unmarshal(plain, &a) != nil {
		return false, errAltered
	}
	return a.Status == erasedReply.Status, nil
}

// Erase replaces what is stored of rows by a reply that says so. One that is not answered is then
// answered so, and counted as rejected; the others are counted as before. It returns
// the number of rows that were replaced: a row that was answered meanwhile is not.
func (s *Service) Erase(ctx context.Context, all []Stored) (erased int, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		args := make([][]any, len(all))
		for i, r := range all {
			a := Answer{Line: r.Line, Request: r.Request(), Outcome: r.Outcome, Reply: erasedReply}
			if r.Outcome == Pending {
				a.Outcome = Rejected
			}
			sealed, err := s.store.sealAnswer(r.Batch, a)
			if err != nil {
				return err
			}
			args[i] = []any{int(a.Outcome), sealed, r.Batch.number, r.Line, int(r.Outcome)}
		}
		counts, err := tx.ExecEachCounted(ctx, eraseRow, args)
		erased = 0
		for _, n := range counts {
			erased += int(n)
		}
		return err
	})
	if err != nil {
		return 0, sqldb.Unavailable(ctx, "erasing rows of batches", err)
	}
	s.o.DB.Scrub(ctx)
	return erased, nil
}
