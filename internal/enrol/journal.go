package enrol

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/sesuai/sesuai"
)

// Journal is which rows of a file are done, on the disk: with it an import that
// was killed goes on where it was. It holds row numbers and nothing of what is
// in the rows.
//
// The file is a header (what import it is of) and records of 16 bytes, each
// with a check value: the first row, how many, CRC-32C. It is written behind
// what it speaks of: a row that is done and not in it is done again, which
// changes nothing.
type Journal struct {
	f *os.File
	// noted is whether there is anything in it.
	noted bool
	// unread has the records of earlier runs that are not looked at yet; nil
	// at the end. furthest is the largest row among those that are.
	unread   *bufio.Reader
	furthest int
	// near are those that were read and not passed, ascending.
	near []stretch
}

// stretch are count rows from first, which were rejected, or else are on
// record.
type stretch struct {
	first, count int
	rejected     bool
}

const (
	journalMagic = "sesuai import 2\n"
	recordSize   = 16
	// rejectedRows is the bit of a record's count that says so.
	rejectedRows = 1 << 31
	// readAhead is how many rows ahead of the one that is asked for a record
	// is looked for. Rows are written in about their order, since few are
	// under way at once; one that was overtaken by more is done again.
	readAhead = 1 << 14
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenJournal opens or makes (0600) the journal at path of the import that
// identity stands for: the file, the registry and all that decides what becomes
// of a row. An error of kind sesuai.KindConflict says that another process is
// at it, or that it is another import's.
func OpenJournal(path string, identity [sha256.Size]byte) (_ *Journal, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, journalError(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindConflict, Detail: "another process is importing this file", Err: err}
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, journalError(errors.Join(err, errors.New("it must be a regular file")))
	}
	header := append([]byte(journalMagic), identity[:]...)
	found := make([]byte, len(header))
	n, err := io.ReadFull(f, found)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, journalError(err)
	}
	if !bytes.HasPrefix(header, found[:n]) {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConflict,
			Detail: fmt.Sprintf("%s is the journal of another import: of another file, into another registry, or with other flags; "+
				"remove it to begin anew", path),
		}
	}
	if n < len(header) {
		if _, err := f.WriteAt(header, 0); err != nil {
			return nil, journalError(err)
		}
	}
	size, err := wholeRecords(io.NewSectionReader(f, int64(len(header)), 1<<62))
	if err != nil {
		return nil, journalError(err)
	}
	// Behind the last whole record there may be half of one.
	end := int64(len(header)) + size
	if err := f.Truncate(end); err != nil {
		return nil, journalError(err)
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return nil, journalError(err)
	}
	return &Journal{
		f: f, noted: size > 0,
		unread: bufio.NewReader(io.NewSectionReader(f, int64(len(header)), size)),
	}, nil
}

func journalError(err error) error { return fmt.Errorf("the import's journal: %w", err) }

// wholeRecords is how long the whole records at the head of r are, in bytes.
func wholeRecords(r io.Reader) (size int64, err error) {
	for buffered := bufio.NewReader(r); ; size += recordSize {
		_, ok, err := readRecord(buffered)
		if err != nil || !ok {
			return size, err
		}
	}
}

// readRecord reads a record; ok is false where there is no whole one.
func readRecord(r io.Reader) (s stretch, ok bool, err error) {
	var b [recordSize]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return s, false, nil
	case err != nil:
		return s, false, err
	case crc32.Checksum(b[:12], castagnoli) != binary.BigEndian.Uint32(b[12:]):
		return s, false, nil
	}
	count := binary.BigEndian.Uint32(b[8:])
	s = stretch{int(binary.BigEndian.Uint64(b[:])), int(count &^ rejectedRows), count&rejectedRows != 0}
	return s, true, nil
}

// Resumed reports whether there is something of an earlier run.
func (j *Journal) Resumed() bool { return j.noted }

// has reports whether an earlier run has done a row, and whether it rejected
// it. It is asked in ascending order.
func (j *Journal) has(row int) (done, rejected bool, err error) {
	for j.unread != nil && j.furthest <= row+readAhead {
		s, ok, err := readRecord(j.unread)
		if err != nil {
			return false, false, journalError(err)
		}
		if !ok {
			j.unread = nil
			break
		}
		j.furthest = max(j.furthest, s.first)
		at, _ := slices.BinarySearchFunc(j.near, s.first, func(n stretch, first int) int { return n.first - first })
		j.near = slices.Insert(j.near, at, s)
	}
	for len(j.near) > 0 && row >= j.near[0].first+j.near[0].count {
		j.near = j.near[1:]
	}
	if len(j.near) == 0 || row < j.near[0].first {
		return false, false, nil
	}
	return true, j.near[0].rejected, nil
}

// add notes that rows are on record, and that others are rejected.
func (j *Journal) add(recorded, rejected []int) error {
	var b []byte
	for _, s := range append(stretches(recorded, false), stretches(rejected, true)...) {
		start := len(b)
		count := uint32(s.count)
		if s.rejected {
			count |= rejectedRows
		}
		b = binary.BigEndian.AppendUint64(b, uint64(s.first))
		b = binary.BigEndian.AppendUint32(b, count)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	}
	j.noted = j.noted || len(b) > 0
	if _, err := j.f.Write(b); err != nil {
		return journalError(err)
	}
	return nil
}

// stretches are rows, which it sorts, in as few as will do.
func stretches(rows []int, rejected bool) (short []stretch) {
	slices.Sort(rows)
	for _, r := range rows {
		if last := len(short) - 1; last >= 0 && r == short[last].first+short[last].count {
			short[last].count++
			continue
		}
		short = append(short, stretch{r, 1, rejected})
	}
	return short
}

// Close closes the journal. It is removed if the import has ended, or if there
// is nothing in it.
func (j *Journal) Close(ended bool) error {
	var err error
	if ended || !j.noted {
		err = os.Remove(j.f.Name())
	}
	return errors.Join(err, j.f.Close())
}
