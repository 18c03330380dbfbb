package audit

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/sesuai/sesuai"
)

// LatestCheckpoint returns the checkpoint of the latest event in a file, as
// audit.checkpoint_file is written; the zero Checkpoint if there is no file. One that was
// kept before schema 14 has no time. The error is a *BrokenError.
func (t *Trail) LatestCheckpoint(path string) (Checkpoint, error) {
	return fileSink{path: path}.latest(t)
}

// last returns the checkpoint of the latest event in the file; the zero Head if there is
// no file. It need not be the last one in the file: whoever can append to it can append
// a copy of an earlier checkpoint.
func (s fileSink) last(t *Trail) (Head, error) {
	c, err := s.latest(t)
	return c.Head, err
}

func (s fileSink) latest(t *Trail) (Checkpoint, error) {
	path := s.path
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && s.old != "" {
		path = s.old
		f, err = os.Open(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	var c Checkpoint
	if err == nil {
		c, err = t.latestOf(f)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		why := err.Error()
		if e, ok := errors.AsType[*sesuai.Error](err); ok {
			why = e.Detail
		}
		return Checkpoint{}, brokenAt(0, "%s; if the database was replaced on purpose, move %s away", why, path)
	}
	return c, nil
}

// place is where in a file a checkpoint is, and the number of its event.
type place struct{ seq, from, to int64 }

// latestOf returns the checkpoint of the latest event in a file. A file has many, and to
// verify a signature takes longer than to read it: so they are opened in the order of
// their numbers, until one opens.
func (t *Trail) latestOf(f *os.File) (Checkpoint, error) {
	first := make([]byte, 1)
	if _, err := f.ReadAt(first, 0); err == nil && first[0] == '{' {
		b, err := io.ReadAll(io.LimitReader(f, maxBlock))
		if err != nil {
			return Checkpoint{}, err
		}
		h, err := t.parseJSON(b)
		return Checkpoint{Head: h}, err
	}
	var places []place
	err := eachNote(f, func(signed []byte, from, to int64) { places = append(places, place{numberOf(signed), from, to}) })
	if err != nil {
		return Checkpoint{}, badCheckpoint(err.Error())
	}
	if len(places) == 0 {
		return Checkpoint{}, badCheckpoint("the file has none")
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(b.seq, a.seq) })
	var why error // the latest does not open
	for _, p := range places {
		c, err := t.openAt(f, p)
		if err == nil {
			return c, nil
		}
		if why == nil {
			why = err
		}
	}
	return Checkpoint{}, why
}

// openAt opens the checkpoint at a place of a file.
func (t *Trail) openAt(f *os.File, p place) (c Checkpoint, err error) {
	failed := badCheckpoint(errNoCheckpoint.Error())
	err = eachNote(io.NewSectionReader(f, p.from, p.to-p.from), func(signed []byte, _, _ int64) { c, failed = t.signer.open(signed) })
	return c, cmp.Or(err, failed)
}

// numberOf returns the number of the event that a note says it is of; -1 if it says none.
func numberOf(signed []byte) int64 {
	_, rest, _ := bytes.Cut(signed, []byte("\n"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
