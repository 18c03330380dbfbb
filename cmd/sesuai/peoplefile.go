package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
)

// peopleFile is an opened file of people.
type peopleFile struct {
	io.Reader
	file   *os.File
	format enrol.Format
	// regular is whether it can be read again. What follows is known only
	// then: how many lines it has, 0 if it is sealed, and its digest.
	regular bool
	lines   int
	digest  [sha256.Size]byte
}

// ageHeader is how every file that is sealed by age begins.
const ageHeader = "age-encryption.org/"

// open opens the file and, if it is sealed, unseals it.
func (c *personImport) open() (_ *peopleFile, err error) {
	p := &peopleFile{file: os.Stdin, format: enrol.Format(c.Format)}
	if p.format == "" {
		p.format = enrol.CSV
		if strings.HasSuffix(strings.TrimSuffix(c.File, ".age"), ".jsonl") {
			p.format = enrol.JSONLines
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
	if err := p.measure(); err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(p.file)
	head, _ := buffered.Peek(len(ageHeader)) // a shorter file is not sealed
	sealed := string(head) == ageHeader
	switch {
	case sealed && c.Identity == "":
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file is sealed by age: say with --identity what opens it"}
	case !sealed && c.Identity != "":
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file is not sealed by age, but --identity was given"}
	case !sealed:
		p.Reader = buffered
		return p, nil
	}
	identities, err := readIdentities(c.Identity)
	if err != nil {
		return nil, err
	}
	p.lines = 0
	if p.Reader, err = age.Decrypt(buffered, identities...); err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file cannot be unsealed with this identity", Err: err}
	}
	return p, nil
}

// measure reads a regular file once, for what it is known again by, and goes
// back to where it was.
func (p *peopleFile) measure() error {
	info, err := p.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	start, err := p.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	digest := sha256.New()
	lines := lineCounter(0)
	if _, err := io.Copy(io.MultiWriter(digest, &lines), p.file); err != nil {
		return err
	}
	p.regular, p.digest, p.lines = true, [sha256.Size]byte(digest.Sum(nil)), int(lines)
	if p.format == enrol.CSV {
		p.lines = max(p.lines-1, 0)
	}
	_, err = p.file.Seek(start, io.SeekStart)
	return err
}

// lineCounter counts the lines that are written to it.
type lineCounter int

// Write implements io.Writer.
func (n *lineCounter) Write(b []byte) (int, error) {
	*n += lineCounter(bytes.Count(b, []byte{'\n'}))
	return len(b), nil
}

// openJournal opens the journal of the import of this file into the registry
// whose keyed hash is given; nil if there is to be none. Another file, another
// registry, another model or other flags that decide what becomes of a row are
// another import.
func (s *session) openJournal(c *personImport, p *peopleFile, hash func([]byte) [32]byte, model string) (*enrol.Journal, error) {
	switch {
	case !p.regular && c.Journal != "":
		return nil, &sesuai.Error{
			Kind:   sesuai.KindMalformed,
			Detail: "what does not come from a file cannot be gone on with, so there is no journal of it",
		}
	case !p.regular || c.DryRun:
		return nil, nil
	}
	id := []byte("journal of an import\x00")
	for _, part := range []string{string(p.digest[:]), string(p.format), c.OnConflict, c.Photos, model} {
		id = binary.BigEndian.AppendUint32(id, uint32(len(part)))
		id = append(id, part...)
	}
	// The hash is keyed by a secret that every registry has its own of.
	identity := hash(id)
	path := c.Journal
	if path == "" {
		path = filepath.Join(s.config.Data, fmt.Sprintf("import-%x.journal", identity[:8]))
		if err := os.MkdirAll(s.config.Data, 0o700); err != nil {
			return nil, err
		}
	}
	return enrol.OpenJournal(path, identity)
}

// Close closes the file.
func (p *peopleFile) Close() error { return p.file.Close() }
