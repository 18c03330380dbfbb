package enrol

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/rows"
)

// A spreadsheet that takes NIKs for numbers keeps 15 of their 16 digits, the
// precision of Excel: it writes 0 for the last digit, or the whole number as
// 3.17E+15. What it writes may be another person's NIK. Nobody can tell which rows
// of such a file are right, so the whole file is refused.

// ErrRounded is in the chain of the error about a file whose NIKs a spreadsheet
// has rounded.
var ErrRounded = errors.New("a spreadsheet has rounded the NIKs of this file, so none of it was imported")

// ErrNoPhotographs is in the chain of the error about a file that names
// photographs if an Import has none.
var ErrNoPhotographs = errors.New("it was not said where the photographs are")

// minRounded is how many different NIKs a file must have to be refused because
// all of them end in 0. Of files of five NIKs, at most one in 10^5 is like that by
// accident: the last four digits of a NIK number the people of one district and
// birthday from 0001, so fewer than one NIK in ten ends in 0.
const minRounded = 5

// headSize is how many bytes of a file that cannot be read twice are held in
// memory and inspected before anybody is enrolled.
const headSize = 1 << 20

// scientific matches a number as a spreadsheet shortens it, with a decimal point or
// comma.
var scientific = regexp.MustCompile(`^[0-9]+([.,][0-9]*)?[eE]\+?[0-9]+$`)

// inspect reads a file before it is imported, and refuses one whose NIKs were
// rounded or, without photos, one that names photographs. It returns a reader of
// the same file from the same place, and how many data lines the file has; 0 if that
// is not known.
//
// A file that can be read twice is read to its end. Of any other, such as a
// pipe, the first headSize bytes are inspected.
func inspect(ctx context.Context, f rows.Format, file io.Reader, photos bool) (_ io.Reader, lines int, err error) {
	if s, ok := file.(io.ReadSeeker); ok {
		// Seek fails on a pipe, which may be an os.File too.
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			if lines, err = inspectAll(ctx, f, s, photos); err != nil {
				return nil, 0, err
			}
			_, err = s.Seek(start, io.SeekStart)
			return s, lines, err
		}
	}
	buffered := bufio.NewReaderSize(file, headSize)
	head, err := buffered.Peek(headSize)
	if err == nil {
		// The last line may be cut off.
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	// Any other error occurs again when the file is imported.
	if _, err := inspectAll(ctx, f, bytes.NewReader(head), photos); errors.Is(err, ErrRounded) || errors.Is(err, ErrNoPhotographs) {
		return nil, 0, err
	}
	return buffered, 0, nil
}

func inspectAll(ctx context.Context, f rows.Format, file io.Reader, photos bool) (lines int, err error) {
	records, err := rows.NewReader(f, file, columns())
	if err != nil {
		return 0, err
	}
	endInZero := make(map[string]struct{}) // at most minRounded NIKs
	other := false                         // whether a NIK ends otherwise
	for {
		r, err := records.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && lines%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		lines++
		if !photos && r.Value(columnPhoto) != "" {
			return 0, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: fmt.Sprintf("line %d names a photograph", r.Line), Err: ErrNoPhotographs}
		}
		nik := r.Value(columnNIK)
		switch _, invalid := sesuai.ParseNIK(nik); {
		case invalid != nil && scientific.MatchString(nik):
			return 0, rounded(fmt.Sprintf("line %d has a NIK that is written like 3.17E+15", r.Line))
		case invalid != nil:
		case nik[len(nik)-1] != '0':
			other = true
		case len(endInZero) < minRounded:
			endInZero[nik] = struct{}{}
		}
	}
	if !other && len(endInZero) == minRounded {
		return 0, rounded("every NIK ends in 0")
	}
	return lines, nil
}

func rounded(how string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: how, Err: ErrRounded}
}
