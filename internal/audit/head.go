package audit

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	headColumns = `seq, hash, people, clients, mac, base`

	// takeHead locks the head until the transaction ends, so that transactions
	// of all processes continue the chain one after the other.
	takeHead = `UPDATE audit_head SET seq = seq WHERE id = 1 RETURNING ` + headColumns

	setHead = `UPDATE audit_head SET seq = $1, hash = $2, people = $3, clients = $4, mac = $5, base = $6 WHERE id = 1`

	selectHead = `SELECT ` + headColumns + ` FROM audit_head WHERE id = 1`
)

// recordedHead is the row of audit_head: where the chain starts and ends.
type recordedHead struct {
	head Head
	// base is the signed checkpoint up to which events were removed; "" if none
	// were.
	base string
	mac  [32]byte
}

// signHead returns the MAC under which a head and a base are stored. No encoded entry
// is that short or starts like this, so this is no hash of the chain. Heads without a
// base are signed as before schema 14.
func signHead(h Head, base string, mac MAC) [32]byte {
	version := "sesuai audit head 1"
	if base != "" {
		version = "sesuai audit head 2"
	}
	b := appendInt(appendText(make([]byte, 0, 160), version), h.Seq)
	for _, hash := range [...][32]byte{h.Hash, h.People, h.Clients} {
		b = append(b, hash[:]...)
	}
	if base != "" {
		b = appendText(b, base)
	}
	return mac(b)
}

func (t *Trail) setHead(ctx context.Context, tx *sqldb.Tx, head Head, base string) error {
	mac := signHead(head, base, t.o.Chain.Hash)
	_, err := tx.ExecContext(ctx, setHead, head.Seq, head.Hash[:], optional(head.People), optional(head.Clients), mac[:], base)
	return err
}

// Head returns the recorded head of the trail. A copy that is stored elsewhere
// later shows whether the end of the trail was cut off together with this record.
// If the record is not one of this trail the error is a *BrokenError.
func (t *Trail) Head(ctx context.Context) (Head, error) {
	last := t.lastSeen()
	r, err := t.readHead(ctx, t.o.DB.Read())
	if err != nil {
		return Head{}, err
	}
	return r.head, t.accept(r, last)
}

// HeadIn is Head in a transaction, which may have begun before other heads were
// recorded.
func (t *Trail) HeadIn(ctx context.Context, q sqldb.Querier) (Head, error) {
	r, err := t.readHead(ctx, q)
	if err != nil {
		return Head{}, err
	}
	return r.head, t.accept(r, Head{})
}

// Base returns the head after the events that were removed because of their age: the
// first event of the trail is the next one. It is zero if none were removed. Errors are
// those of Head.
func (t *Trail) Base(ctx context.Context) (Head, error) {
	last := t.lastSeen()
	r, err := t.readHead(ctx, t.o.DB.Read())
	if err != nil {
		return Head{}, err
	}
	if err := t.accept(r, last); err != nil {
		return Head{}, err
	}
	return t.baseOf(r)
}

// baseOf returns the head that the base stands for, if the MAC of the row is right. The
// error is a *BrokenError.
func (t *Trail) baseOf(r recordedHead) (Head, error) {
	if r.base == "" {
		return Head{}, nil
	}
	if err := t.checkMAC(r); err != nil {
		return Head{}, err
	}
	c, err := t.signer.open([]byte(r.base))
	if err != nil || c.Seq > r.head.Seq {
		return Head{}, brokenAt(0, "the checkpoint of the events that were removed cannot be used")
	}
	return c.Head, nil
}

// readHead reads the row of the head. The error is a *BrokenError if there is none.
func (t *Trail) readHead(ctx context.Context, q sqldb.Querier) (recordedHead, error) {
	r, err := scanHead(q.QueryRowContext(ctx, selectHead))
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, errNoHash):
		return r, brokenAt(0, "the recorded head cannot be read")
	case err != nil:
		return r, sqldb.Unavailable(ctx, "reading the audit trail", err)
	default:
		return r, nil
	}
}

// lastSeen returns the last head that was accepted. To compare it with a head,
// take it before that one is read.
func (t *Trail) lastSeen() Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// checkMAC returns a *BrokenError if the MAC is not that of the head.
func (t *Trail) checkMAC(r recordedHead) error {
	if want := signHead(r.head, r.base, t.o.Chain.Hash); !hmac.Equal(want[:], r.mac[:]) {
		return brokenAt(r.head.Seq, "the recorded head was changed")
	}
	return nil
}

// accept returns a *BrokenError if the MAC is not that of the head, or if the
// head is not last or one after it. The head must be committed.
func (t *Trail) accept(r recordedHead, last Head) error {
	if err := t.checkMAC(r); err != nil {
		return err
	}
	head := r.head
	if head.Seq < last.Seq {
		return brokenAt(head.Seq+1, "it is missing: this process has seen event %d", last.Seq)
	}
	if head.Seq == last.Seq && head.Hash != last.Hash {
		return brokenAt(head.Seq, "this process has seen another one")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if head.Seq > t.last.Seq {
		t.last = head
	}
	return nil
}

func scanHead(row *sql.Row) (r recordedHead, err error) {
	err = row.Scan(&r.head.Seq, sqldb.ScanHash(&r.head.Hash), optionalScanner{&r.head.People}, optionalScanner{&r.head.Clients},
		optionalScanner{&r.mac}, &r.base)
	return r, err
}

// optional returns what is stored of a hash that may be missing: nothing for the
// zero one.
func optional(h [32]byte) []byte {
	if h == [32]byte{} {
		return []byte{}
	}
	return h[:]
}

// optionalScanner scans what optional returned.
type optionalScanner struct{ h *[32]byte }

// errNoHash is the error of an optionalScanner.
var errNoHash = errors.New("a stored hash has neither 0 nor 32 bytes")

// Scan implements sql.Scanner.
func (s optionalScanner) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != 0 && (len(b) != len(s.h) || [32]byte(b) == [32]byte{}) {
		return errNoHash
	}
	*s.h = [32]byte{}
	copy(s.h[:], b)
	return nil
}
