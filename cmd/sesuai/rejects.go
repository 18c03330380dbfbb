package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// rejectedRow is a row that was not enrolled, with the reason.
type rejectedRow struct {
	Line   int         `json:"line"`
	Code   sesuai.Kind `json:"code"`
	Reason string      `json:"reason"`
}

// rowGuidance says what to do about rejected rows, for the kinds of errors for
// which the guidance of the API does not fit a row of a file, or is missing.
var rowGuidance = map[sesuai.Kind]httpapi.Guidance{
	sesuai.KindInvalidNIK: {
		ID: "Periksa NIK: harus 16 digit angka, tanpa spasi atau tanda lain.",
		EN: "Check the NIK: it must be 16 digits, without spaces or other signs.",
	},
	sesuai.KindInvalidDate: {
		ID: "Periksa tanggal lahir: harus tanggal yang ada di kalender dan berbentuk hh-bb-tttt, misalnya 31-12-1990.",
		EN: "Check the date of birth: it must be a day of the calendar, as dd-mm-yyyy, for example 31-12-1990.",
	},
	sesuai.KindNoFile: {
		ID: "Periksa kolom photo: berkas foto harus ada di dalam folder atau arsip dan dapat dibaca.",
		EN: "Check the column photo: the file must be in the folder or archive, and readable.",
	},
	sesuai.KindMalformed: {
		ID: "Perbaiki baris ini: satu orang satu baris, tanda kutip harus berpasangan di baris yang sama, dan kolom harus sama dengan baris judul.",
		EN: "Correct the line: one person is one line, quotes must match on it, and the fields must be those of the header line.",
	},
	sesuai.KindConflict: {
		ID: "Periksa apakah NIK ini tercatat dua kali atau datanya berbeda, lalu impor baris yang benar.",
		EN: "Check whether the file has the NIK twice or the record differs, and import the right row.",
	},
}

// guidanceRounded says what to do about a file whose NIKs were rounded.
var guidanceRounded = httpapi.Guidance{
	ID: "NIK dalam berkas ini telah dibulatkan oleh aplikasi lembar kerja (spreadsheet), dan angka yang hilang tidak dapat dipulihkan. " +
		"Ekspor ulang berkas dari sumber aslinya dengan kolom nik sebagai teks, lalu impor berkas itu.",
	EN: "A spreadsheet has rounded the NIKs of this file, and the lost digits cannot be recovered from it. " +
		"Export the file from its source again, with the column nik as text, and import that.",
}

// guidanceOf returns what to do about a row that was rejected for why; empty
// texts if there is no guidance.
func guidanceOf(why error) httpapi.Guidance {
	if g, ok := rowGuidance[sesuai.KindOf(why)]; ok {
		return g
	}
	if g := httpapi.GuidanceOf(why); g != nil {
		return *g
	}
	return httpapi.Guidance{}
}

// rejectsHeader are the columns of a file of rejected rows.
var rejectsHeader = []string{"line", "code", "reason", "guidance_id", "guidance_en"}

// rejectsFile is the file of rejected rows. A nil *rejectsFile writes nothing.
type rejectsFile struct {
	file *os.File
	csv  *csv.Writer
}

// openRejects opens or makes (0600) the file of rejected rows. A file of an
// earlier import is replaced; any other file is left alone.
func openRejects(path string) (_ *rejectsFile, err error) {
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
		if err := f.Truncate(0); err != nil {
			return nil, err
		}
	}
	return r, r.put(rejectsHeader)
}

// write writes a row without buffering.
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
