package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// rejectedRow is a row that was not enrolled, and why.
type rejectedRow struct {
	Line   int         `json:"line"`
	Code   sesuai.Kind `json:"code"`
	Reason string      `json:"reason"`
}

// guidance says what to do about a rejected row.
type guidance struct{ ID, EN string }

// rowGuidance is said instead of what the API says, or where it says nothing.
var rowGuidance = map[sesuai.Kind]guidance{
	sesuai.KindInvalidNIK: {
		ID: "Periksa NIK: harus 16 digit angka, tanpa spasi atau tanda lain.",
		EN: "Check the NIK: it must be 16 digits, without spaces or other signs.",
	},
	sesuai.KindInvalidDate: {
		ID: "Periksa tanggal lahir: harus berbentuk hh-bb-tttt, misalnya 31-12-1990.",
		EN: "Check the date of birth: it must be dd-mm-yyyy, for example 31-12-1990.",
	},
	sesuai.KindNoFile: {
		ID: "Periksa kolom photo: berkas foto harus ada di dalam folder atau arsip dan dapat dibaca.",
		EN: "Check the column photo: the file must be in the folder or archive, and readable.",
	},
	sesuai.KindMalformed: {
		ID: "Perbaiki baris ini: tanda kutip harus berpasangan dan kolom harus sama dengan baris judul.",
		EN: "Mend the row: quotes must match, and the fields must be those of the header line.",
	},
	sesuai.KindConflict: {
		ID: "Periksa apakah NIK ini tercatat dua kali atau datanya berbeda, lalu impor baris yang benar.",
		EN: "Check whether the NIK is there twice or its record differs, and import the right row.",
	},
}

// guidanceOf is what to do about a row that was rejected for why.
func guidanceOf(why error) guidance {
	if g, ok := rowGuidance[sesuai.KindOf(why)]; ok {
		return g
	}
	var body struct{ Guidance guidance }
	_, b := httpapi.ErrorJSON(why)
	_ = json.Unmarshal(b, &body) // without guidance the columns stay empty
	return body.Guidance
}

// rejectsHeader are the columns of a file of rejected rows.
var rejectsHeader = []string{"line", "code", "reason", "guidance_id", "guidance_en"}

// rejectsFile is the file of rejected rows; nil if none is wanted.
type rejectsFile struct {
	file *os.File
	csv  *csv.Writer
}

// openRejects opens or makes (0600) the file of rejected rows. A file that is
// there is added to by an import that goes on, and begun anew by another; one
// that is something else is left alone.
func openRejects(path string, goesOn bool) (_ *rejectsFile, err error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	r := &rejectsFile{f, csv.NewWriter(f)}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Size() > 0 {
		header := []byte(strings.Join(rejectsHeader, ",") + "\n")
		found := make([]byte, len(header))
		if _, err := io.ReadFull(f, found); err != nil || !bytes.Equal(found, header) {
			return nil, &sesuai.Error{Kind: sesuai.KindConflict, Detail: path + " is there, and is no file of rejected rows"}
		}
		if goesOn {
			return r, nil
		}
		if err := f.Truncate(0); err != nil {
			return nil, err
		}
	}
	return r, r.put(rejectsHeader)
}

// write writes a row, at once.
func (r *rejectsFile) write(row rejectedRow, why error) error {
	if r == nil {
		return nil
	}
	g := guidanceOf(why)
	return r.put([]string{strconv.Itoa(row.Line), string(row.Code), row.Reason, g.ID, g.EN})
}

func (r *rejectsFile) put(fields []string) error {
	err := r.csv.Write(fields)
	r.csv.Flush()
	if err := errors.Join(err, r.csv.Error()); err != nil {
		return fmt.Errorf("the file of rejected rows is not complete: %w", err)
	}
	return nil
}

// Close closes the file.
func (r *rejectsFile) Close() error {
	if r == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("the file of rejected rows is not complete: %w", err)
	}
	return nil
}
