package enrol

import (
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
	// done are the rows that were done before, ascending; those that the
	// reader has passed are dropped.
	done []stretch
}

// stretch are count rows from first.
type stretch struct{ first, count int }

const journalMagic = "sesuai import 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenJournal opens or makes (0600) the journal at path of the import that
// identity stands for. An error of kind sesuai.KindConflict says that another
// process is at it, or that it is another import's.
func OpenJournal(path string, identity [sha256.Size]byte) (_ *Journal, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the import's journal: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindConflict, Detail: "another process is importing this file", Err: err}
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("the import's journal: %w", err)
	}
	header := append([]byte(journalMagic), identity[:]...)
	if !bytes.HasPrefix(header, content[:min(len(content), len(header))]) {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConflict,
			Detail: fmt.Sprintf("%s is the journal of another import: of another file, or with other flags; "+
				"remove it to begin anew", path),
		}
	}
	j := &Journal{f: f}
	end := len(header)
	if len(content) < len(header) {
		if _, err := f.WriteAt(header, 0); err != nil {
			return nil, fmt.Errorf("the import's journal: %w", err)
		}
	} else {
		end += j.read(content[len(header):])
	}
	// Behind the last whole record there may be half of one.
	if err := f.Truncate(int64(end)); err != nil {
		return nil, fmt.Errorf("the import's journal: %w", err)
	}
	if _, err := f.Seek(int64(end), io.SeekStart); err != nil {
		return nil, fmt.Errorf("the import's journal: %w", err)
	}
	return j, nil
}

const recordSize = 16

// read reads the whole records at the head of b, and returns their length.
func (j *Journal) read(b []byte) (n int) {
	for ; len(b)-n >= recordSize; n += recordSize {
		record := b[n : n+recordSize]
		if crc32.Checksum(record[:12], castagnoli) != binary.BigEndian.Uint32(record[12:]) {
			break
		}
		j.done = append(j.done, stretch{int(binary.BigEndian.Uint64(record)), int(binary.BigEndian.Uint32(record[8:]))})
	}
	j.done = joined(j.done)
	return n
}

// joined are the same rows in as few stretches as will do, ascending.
func joined(all []stretch) []stretch {
	slices.SortFunc(all, func(a, b stretch) int { return a.first - b.first })
	var short []stretch
	for _, s := range all {
		if last := len(short) - 1; last >= 0 && s.first <= short[last].first+short[last].count {
			short[last].count = max(short[last].count, s.first+s.count-short[last].first)
			continue
		}
		short = append(short, s)
	}
	return short
}

// has reports whether a row is done. It is asked in ascending order.
func (j *Journal) has(row int) bool {
	for len(j.done) > 0 && row >= j.done[0].first+j.done[0].count {
		j.done = j.done[1:]
	}
	return len(j.done) > 0 && row >= j.done[0].first
}

// add notes that rows are done.
func (j *Journal) add(rows []int) error {
	var all []stretch
	for _, r := range rows {
		all = append(all, stretch{r, 1})
	}
	var b []byte
	for _, s := range joined(all) {
		start := len(b)
		b = binary.BigEndian.AppendUint64(b, uint64(s.first))
		b = binary.BigEndian.AppendUint32(b, uint32(s.count))
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	}
	if _, err := j.f.Write(b); err != nil {
		return fmt.Errorf("the import's journal: %w", err)
	}
	return nil
}

// Close closes the journal, and removes it if the import has ended.
func (j *Journal) Close(ended bool) error {
	var err error
	if ended {
		err = os.Remove(j.f.Name())
	}
	return errors.Join(err, j.f.Close())
}
