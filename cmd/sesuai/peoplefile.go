package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/rows"
)

// peopleFile is an opened file of people. If it is a regular file, its Reader
// is an io.ReadSeeker, so that it can be read twice.
type peopleFile struct {
	io.Reader
	file   *os.File
	format rows.Format
}

// ageHeader is how every file that is sealed by age begins.
const ageHeader = "age-encryption.org/"

// open opens the file and, if it is sealed, unseals it.
func (c *personImport) open() (_ *peopleFile, err error) {
	p := &peopleFile{file: os.Stdin, format: rows.Format(c.Format)}
	if p.format == "" {
		p.format = rows.CSV
		if strings.HasSuffix(strings.TrimSuffix(c.File, ".age"), ".jsonl") {
			p.format = rows.JSONLines
		}
	}
	if c.File != "-" {
		if p.file, err = os.Open(c.File); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	info, err := p.file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		buffered := bufio.NewReader(p.file)
		head, _ := buffered.Peek(len(ageHeader)) // a shorter file is not sealed
		p.Reader, err = c.unseal(buffered, head)
		return p, err
	}
	start, err := p.file.Seek(0, io.SeekCurrent) // of standard input, some may be read
	if err != nil {
		return nil, err
	}
	section := io.NewSectionReader(p.file, start, info.Size()-start)
	head := make([]byte, len(ageHeader))
	n, err := section.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p.Reader, err = c.unseal(section, head[:n])
	return p, err
}

// unseal returns a reader of what is sealed in r, or r itself if its head shows
// that it is not sealed. What it returns is an io.ReadSeeker if r is an
// *io.SectionReader.
func (c *personImport) unseal(r io.Reader, head []byte) (io.Reader, error) {
	switch sealed := string(head) == ageHeader; {
	case sealed && c.Identity == "":
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file is sealed by age: say with --identity what opens it"}
	case !sealed && c.Identity != "":
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file is not sealed by age, but --identity was given"}
	case !sealed:
		return r, nil
	}
	identities, err := readIdentities(c.Identity)
	if err != nil {
		return nil, err
	}
	var plain io.Reader
	if s, ok := r.(*io.SectionReader); ok {
		var at io.ReaderAt
		var size int64
		at, size, err = age.DecryptReaderAt(s, s.Size(), identities...)
		plain = io.NewSectionReader(at, 0, size)
	} else {
		plain, err = age.Decrypt(r, identities...)
	}
	switch _, other := errors.AsType[*age.NoIdentityMatchError](err); {
	case other:
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file cannot be unsealed with this identity", Err: err}
	case err != nil:
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the sealed file is damaged or cut short", Err: err}
	}
	return plain, nil
}

// Close closes the file.
func (p *peopleFile) Close() error { return p.file.Close() }
