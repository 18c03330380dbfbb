package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// chunkRows is the number of rows of a job.
	chunkRows = 25
	// insertRows and insertBytes bound the rows that one transaction inserts: others
	// wait for it on SQLite.
	insertRows  = 50
	insertBytes = 4 << 20
	// openAgain is when a client may ask again that has as many batches as it may.
	openAgain = time.Minute
)

// Upload is what a client sends.
type Upload struct {
	Client   access.Client
	Endpoint Endpoint
	// Claims is the file of rows, and Columns are those that it may have.
	Claims  io.Reader
	Format  rows.Format
	Columns rows.Columns
	// PhotoColumn names the column with the path of the photograph in Photos, if there
	// are photographs.
	PhotoColumn string
	Photos      rows.Photographs
	// Reject returns the answer to a row that cannot be read for that reason.
	Reject func(why error) Reply
	// Key is the idempotency key of the upload; nil if it has none. Answer returns what
	// is stored under it: the answer to the upload that has become that batch.
	Key    *answer.Reservation
	Answer func(b Batch) answer.Answer
}

// received is a row that is stored, with its answer if it cannot be verified.
type received struct {
	row    Row
	answer Answer
}

// Add stores the rows of an upload, in several transactions, and starts the batch once
// all are stored. A row that cannot be read is answered at once.
//
// Errors have kind sesuai.KindMalformed or KindTooLarge if it is about the upload,
// KindRateLimited if the client has as many batches as it may, and otherwise
// KindUnavailable. Then nothing remains of it. If another call has taken the key,
// answer.ErrLost is in the chain.
func (s *Service) Add(ctx context.Context, u Upload) (Batch, error) {
	reader, err := rows.NewReader(u.Format, u.Claims, u.Columns)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{ID: newID(), Client: u.Client.ID, Endpoint: u.Endpoint, State: Receiving, CreatedAt: s.now()}
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := s.requireRoom(ctx, tx, u.Client.ID); err != nil {
			return err
		}
		return s.store.add(ctx, tx, &b)
	})
	if err == nil {
		if err = s.receive(ctx, &b, u, reader); err == nil {
			err = s.start(ctx, &b, u)
		}
		if err != nil {
			err = s.abandon(context.WithoutCancel(ctx), &b, err)
		}
	}
	if err == nil && u.Key != nil {
		u.Key.Answered()
	}
	if own, ok := errors.AsType[*sesuai.Error](err); ok {
		return Batch{}, own
	}
	if err != nil {
		return Batch{}, sqldb.Unavailable(ctx, "storing a batch", err)
	}
	return b, nil
}

// requireRoom returns an error of kind sesuai.KindRateLimited if the client has as many
// batches as it may.
func (s *Service) requireRoom(ctx context.Context, tx *sqldb.Tx, client string) error {
	if err := s.store.lock(ctx, tx, client); err != nil {
		return err
	}
	var open int
	if err := tx.QueryRowContext(ctx, countOpen, client).Scan(&open); err != nil {
		return err
	}
	if open >= s.o.PerClient {
		return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: openAgain, Err: errors.New("too many batches are not finished")}
	}
	return nil
}

// receive stores the rows.
func (s *Service) receive(ctx context.Context, b *Batch, u Upload, reader rows.Reader) error {
	var waiting []received
	var bytes, photos int64
	insert := func() error {
		err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
			if err := s.requireReceiving(ctx, tx, *b); err != nil {
				return err
			}
			return s.store.insert(ctx, tx, *b, waiting)
		})
		clear(waiting)
		waiting, bytes = waiting[:0], 0
		return err
	}
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if b.Total++; b.Total > s.o.MaxRows {
			return &sesuai.Error{Kind: sesuai.KindTooLarge, Detail: fmt.Sprintf("a batch may have %d rows", s.o.MaxRows)}
		}
		r := readRow(*b, u, record)
		if photos += int64(len(r.row.Photo)); photos > s.o.MaxBody {
			return &sesuai.Error{Kind: sesuai.KindTooLarge, Detail: fmt.Sprintf("the photographs of a batch may have %d bytes", s.o.MaxBody)}
		}
		waiting = append(waiting, r)
		if bytes += int64(len(r.row.Photo)); len(waiting) == insertRows || bytes >= insertBytes {
			if err := insert(); err != nil {
				return err
			}
		}
	}
	if b.Total == 0 {
		return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file has no rows"}
	}
	return insert()
}

// requireReceiving returns an error if a sweep has removed the batch, which removes no row
// that is stored later. It takes the batch's lock.
func (s *Service) requireReceiving(ctx context.Context, tx *sqldb.Tx, b Batch) error {
	now, err := s.store.locked(ctx, tx, b)
	if err == nil && now.State != Receiving {
		err = errors.New("the batch was removed while it was received")
	}
	return err
}

// readRow reads a record and its photograph.
func readRow(b Batch, u Upload, record rows.Record) received {
	r := received{row: Row{Line: record.Line, Fields: make(map[string]string)}}
	var err error
	if record.Broken != "" {
		err = &sesuai.Error{Kind: sesuai.KindMalformed, Detail: record.Broken}
	}
	for i, column := range record.Columns {
		if column != u.PhotoColumn {
			r.row.Fields[column] = record.Values[i]
		}
	}
	if name := record.Value(u.PhotoColumn); err == nil && u.Photos != nil && name != "" {
		// A photograph that is not there is one that was not sent: the row is
		// verified, and answered so.
		if r.row.Photo, err = u.Photos.Photo(name); sesuai.KindOf(err) == sesuai.KindNoFile {
			err = nil
		}
	}
	if err != nil {
		r.answer = newAnswer(b, r.row, u.Reject(err))
	}
	return r
}

// abandon removes a batch that could not be received or started for that reason, and
// returns that. If it was started after all, since only the reply to the commit was lost,
// it stays and there is no error: its answer may be stored under a key.
func (s *Service) abandon(ctx context.Context, b *Batch, why error) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	var now Batch
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) (err error) {
		now, err = s.store.locked(ctx, tx, *b)
		return err
	})
	switch {
	case err != nil: // a sweep removes it, unless it was started
		return errors.Join(why, err)
	case now.State == Running || now.State == Finished:
		return nil
	default:
		return errors.Join(why, s.remove(ctx, *b))
	}
}

// start makes the batch run: its jobs are added, and its answer is stored under the key
// of the upload, in the same transaction.
func (s *Service) start(ctx context.Context, b *Batch, u Upload) error {
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := s.requireReceiving(ctx, tx, *b); err != nil {
			return err
		}
		b.State = Running
		lines, err := s.store.lines(ctx, tx, *b)
		if err != nil {
			return err
		}
		var chunks []jobs.New
		for chunk := range slices.Chunk(lines, chunkRows) {
			chunks = append(chunks, jobs.New{Kind: JobKind, IDs: []int64{b.number, int64(chunk[0]), int64(chunk[len(chunk)-1])}})
		}
		if len(chunks) == 0 { // every row is answered: it only has to be finished
			chunks = append(chunks, jobs.New{Kind: JobKind, IDs: []int64{b.number, 0, 0}})
		}
		if err := s.store.update(ctx, tx, *b); err != nil {
			return err
		}
		if u.Key != nil {
			row := answer.Row{At: b.CreatedAt, Client: b.Client, Endpoint: string(b.Endpoint), Answer: u.Answer(*b)}
			row.Key = u.Key
			if err := s.o.Keys.AnswerTx(ctx, tx, row); err != nil {
				return err
			}
		}
		return s.o.Jobs.AddTx(ctx, tx, chunks)
	})
}
