package people

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// multiset is a number of people and the sum of their hashes modulo 2^256. It is
// MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh (Incremental
// Multiset Hash Functions, ASIACRYPT 2003) on AdHash of Bellare and Micciancio
// (EUROCRYPT 1997): adding, replacing or removing a person changes it in constant
// time. Their proof needs that nobody sees the sums. So they are stored sealed,
// and elsewhere only as keyed hashes.
type multiset struct {
	count int64
	sum   [4]uint64 // the lowest word first
}

// sumSize is the size of an encoded multiset.
const sumSize = 8 + 32

// plus returns the sum of both.
func (m multiset) plus(o multiset) multiset {
	var carry uint64
	for i := range m.sum {
		m.sum[i], carry = bits.Add64(m.sum[i], o.sum[i], carry)
	}
	m.count += o.count
	return m
}

// minus returns the difference.
func (m multiset) minus(o multiset) multiset {
	var borrow uint64
	for i := range m.sum {
		m.sum[i], borrow = bits.Sub64(m.sum[i], o.sum[i], borrow)
	}
	m.count -= o.count
	return m
}

func (m multiset) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, sumSize), uint64(m.count))
	for _, word := range m.sum {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b
}

func decodeMultiset(b []byte) (m multiset, ok bool) {
	if len(b) != sumSize {
		return m, false
	}
	m.count = int64(binary.BigEndian.Uint64(b))
	for i := range m.sum {
		m.sum[i] = binary.BigEndian.Uint64(b[8+8*i:])
	}
	return m, true
}

// element is the keyed hash of everything on record about a person. It does not
// depend on the master key.
type element [32]byte

func (e element) alone() multiset {
	m := multiset{count: 1}
	for i := range m.sum {
		m.sum[i] = binary.BigEndian.Uint64(e[8*i:])
	}
	return m
}

// The kinds of what is hashed with the secret of the sums.
const (
	hashesPerson  = "sesuai person 1"
	hashesDamaged = "sesuai damaged person 1"
	hashesPeople  = "sesuai people 1"
)

// elementOf returns the element of a person.
func (r *Registry) elementOf(nik sesuai.NIK, record record, portrait *registry.Portrait) (element, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return element{}, errors.New("a record cannot be encoded") // err may show it
	}
	parts := [][]byte{[]byte(nik.Reveal()), text}
	if portrait != nil {
		template, errTemplate := portrait.Template.MarshalBinary()
		signature, errSignature := portrait.Signature.MarshalBinary()
		if err := errors.Join(errTemplate, errSignature); err != nil {
			return element{}, err
		}
		parts = append(parts, template, signature)
	}
	return r.sums.Hash(keyring.Bind(hashesPerson, parts...)), nil
}

// elementOfRow returns the element of the person of a row of person_keys. Of a
// person whose rows cannot be opened it is another one, which depends only on
// the row's key: damage changes the sum, but people can be summed in spite of
// damage from before. read runs Registry.selectPortrait.
func (r *Registry) elementOfRow(master *keyring.Key, row personKey, read func(args ...any) *sql.Row) (element, error) {
	damaged := element(r.sums.Hash(keyring.Bind(hashesDamaged, row.id[:])))
	if master == nil {
		return damaged, nil
	}
	k, err := row.keys(master)
	if err != nil {
		return damaged, nil
	}
	p, err := scanPortrait(read(k.nik[:], k.personKey[:], k.link[:]), k)
	if err != nil && !errors.Is(err, registry.ErrDamaged) {
		return element{}, err
	}
	if err != nil || p == nil {
		return damaged, nil
	}
	portrait, err := p.portrait()
	if err != nil {
		return damaged, nil
	}
	if e, err := r.elementOf(k.text, p.record, portrait); err == nil {
		return e, nil
	}
	return damaged, nil
}

// Buckets of people by the first byte of their row in person_keys.
const (
	buckets = 256
	// everybody is the row of people_sums with the sum over all buckets.
	everybody = buckets
)

// delta is how a transaction changes the sums.
type delta struct {
	buckets map[int]multiset
	total   multiset
}

func (d *delta) add(k rowKeys, e element)    { d.change(k, e.alone()) }
func (d *delta) remove(k rowKeys, e element) { d.change(k, multiset{}.minus(e.alone())) }

func (d *delta) change(k rowKeys, m multiset) {
	if d.buckets == nil {
		d.buckets = make(map[int]multiset)
	}
	bucket := int(k.personKey[0])
	d.buckets[bucket] = d.buckets[bucket].plus(m)
	d.total = d.total.plus(m)
}

// sumsLock is the advisory lock of transactions that change the sums. The number
// is taken from no standard: "sesu" and a count.
const sumsLock = 0x73657375_0004

// changeSums changes the sums as d says, and returns those over everybody before
// and after. Call it at the end of a transaction: others that change people wait
// from then on.
func (r *Registry) changeSums(ctx context.Context, tx *sqldb.Tx, d delta) (before, after multiset, err error) {
	if err := tx.Lock(ctx, sumsLock); err != nil {
		return before, after, err
	}
	rows, err := readSums(ctx, tx)
	if err != nil {
		return before, after, err
	}
	if before, err = r.openSum(rows, everybody); err != nil {
		return before, after, err
	}
	after = before.plus(d.total)
	changed := make(map[int]multiset, len(d.buckets)+1)
	for bucket, by := range d.buckets {
		m, err := r.openSum(rows, bucket)
		if err != nil {
			return before, after, err
		}
		changed[bucket] = m.plus(by)
	}
	if after != before {
		changed[everybody] = after
	}
	return before, after, r.writeSums(ctx, tx, changed)
}

// digest is what the trail records of the sum over everybody.
func (r *Registry) digest(m multiset) [32]byte {
	return r.sums.Hash(keyring.Bind(hashesPeople, m.encode()))
}

// readSums reads the rows of people_sums, still sealed, by their number.
func readSums(ctx context.Context, q sqldb.Querier) (map[int][]byte, error) {
	sealed := make(map[int][]byte, buckets+1)
	_, err := sqldb.Collect(ctx, q, func(rows *sql.Rows) (bucket int, err error) {
		var b []byte
		err = rows.Scan(&bucket, &b)
		sealed[bucket] = b
		return bucket, err
	}, `SELECT bucket, sealed FROM people_sums`)
	return sealed, err
}

// openSum opens a row of people_sums. The error is an *audit.BrokenError.
func (r *Registry) openSum(rows map[int][]byte, bucket int) (multiset, error) {
	b, err := r.sums.Open(byte(bucket), rows[bucket], bindSum(bucket))
	m, ok := decodeMultiset(b)
	if err != nil || !ok {
		return m, &audit.BrokenError{Why: "the sums over the people were changed"}
	}
	return m, nil
}

func (r *Registry) writeSums(ctx context.Context, tx *sqldb.Tx, changed map[int]multiset) error {
	if len(changed) == 0 {
		return nil
	}
	var numbers []int64
	var sealed [][]byte
	var rows [][]any
	for bucket, m := range changed {
		b := r.sums.Seal(byte(bucket), m.encode(), bindSum(bucket))
		numbers, sealed = append(numbers, int64(bucket)), append(sealed, b)
		rows = append(rows, []any{int64(bucket), b})
	}
	if tx.Engine() == sqldb.PostgreSQL { // one round trip
		_, err := tx.ExecContext(ctx, `
			UPDATE people_sums AS s SET sealed = n.sealed
			FROM unnest($1::bigint[], $2::bytea[]) AS n (bucket, sealed) WHERE s.bucket = n.bucket`, numbers, sealed)
		return err
	}
	return tx.ExecEach(ctx, `UPDATE people_sums SET sealed = $2 WHERE bucket = $1`, rows)
}

func bindSum(bucket int) []byte {
	return keyring.Bind("people_sums.sealed", binary.BigEndian.AppendUint16(nil, uint16(bucket)))
}

// sumBucket sums the people of a bucket.
func (r *Registry) sumBucket(ctx context.Context, tx *sql.Tx, keys []*keyring.Key, bucket int) (sum multiset, err error) {
	stmt, err := tx.PrepareContext(ctx, r.selectPortrait)
	if err != nil {
		return sum, err
	}
	defer stmt.Close() //nolint:errcheck // the end of the transaction closes it, too
	read := func(args ...any) *sql.Row { return stmt.QueryRowContext(ctx, args...) }
	masters := make(map[int64]*keyring.Key)
	for _, key := range keys {
		masters[int64(key.ID())] = key
	}
	after, end := []byte{byte(bucket)}, []byte{byte(bucket + 1)}
	if bucket == buckets-1 {
		end = make([]byte, 33)
		for i := range end {
			end[i] = 0xff
		}
	}
	for {
		var ids []int64
		page, err := sqldb.Collect(ctx, tx, func(rows *sql.Rows) (row personKey, err error) {
			var id int64
			err = rows.Scan(sqldb.ScanHash(&row.id), &id, &row.sealed)
			ids = append(ids, id)
			return row, err
		}, `SELECT person, key_id, sealed FROM person_keys WHERE person > $1 AND person < $2 ORDER BY person LIMIT $3`,
			after, end, pageSize)
		if err != nil || len(page) == 0 {
			return sum, err
		}
		for i, row := range page {
			e, err := r.elementOfRow(masters[ids[i]], row, read)
			if err != nil {
				return sum, err
			}
			sum = sum.plus(e.alone())
		}
		after = page[len(page)-1].id[:]
	}
}

// sumAll sums everybody in a transaction that writes, and stores the sums.
func (r *Registry) sumAll(ctx context.Context, tx *sqldb.Tx, keys []*keyring.Key) (total multiset, err error) {
	sums := make(map[int]multiset, buckets+1)
	for bucket := range buckets {
		if sums[bucket], err = r.sumBucket(ctx, tx.Tx, keys, bucket); err != nil {
			return total, err
		}
		total = total.plus(sums[bucket])
	}
	sums[everybody] = total
	return total, r.writeSums(ctx, tx, sums)
}

// Parts implements audit.State. A part is a bucket.
func (*Registry) Parts() int { return buckets }

// CheckPart implements audit.State. It reads the people of a bucket in one
// transaction, and all sums: the sums of the buckets lead to the one over
// everybody, whose digest is in the trail.
func (r *Registry) CheckPart(ctx context.Context, part int) error {
	err := r.o.Vault.Snapshot(ctx, func(tx *sql.Tx, keys *vault.Keys) error {
		rows, err := readSums(ctx, tx)
		if err != nil {
			return err
		}
		var total multiset
		sums := make(map[int]multiset)
		for bucket := range buckets + 1 {
			if sums[bucket], err = r.openSum(rows, bucket); err != nil {
				return err
			}
			if bucket != everybody {
				total = total.plus(sums[bucket])
			}
		}
		if total != sums[everybody] {
			return &audit.BrokenError{Why: "the sums over the people were changed"}
		}
		if r.o.Trail != nil {
			head, err := r.o.Trail.HeadIn(ctx, tx)
			if err != nil {
				return err
			}
			if r.digest(total) != head.People {
				return &audit.BrokenError{Why: "the sum over the people is not the one that the trail records"}
			}
		}
		sum, err := r.sumBucket(ctx, tx, keys.All(), part)
		if err == nil && sum != sums[part] {
			err = &audit.BrokenError{Why: fmt.Sprintf(
				"people on record are not those that the trail records: %d of them, where it has %d, in part %d of %d",
				sum.count, sums[part].count, part+1, buckets)}
		}
		return err
	})
	return audit.Broken(ctx, "checking people", err)
}
