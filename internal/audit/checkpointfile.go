package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
)

// ParseCheckpoints parses a file of signed checkpoints of this trail, as audit.checkpoint_file
// is written, or a single one, or the JSON that was kept before schema 14. It returns
// them in their order. The error has kind sesuai.KindMalformed.
func (t *Trail) ParseCheckpoints(b []byte) ([]Head, error) {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		h, err := t.parseJSON(b)
		return []Head{h}, err
	}
	all, err := OpenCheckpoints(b, t.PublicKey())
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(all))
	for i, c := range all {
		heads[i] = c.Head
	}
	return heads, nil
}

// OpenCheckpoints is OpenCheckpoint for a file of checkpoints, as audit.checkpoint_file is written.
// There is at least one. What was written in part is omitted.
func OpenCheckpoints(b []byte, publicKey string) ([]Checkpoint, error) {
	verifier, err := verifierOf(publicKey)
	if err != nil {
		return nil, err
	}
	var all []Checkpoint
	var first error
	err = eachNote(bytes.NewReader(b), func(signed []byte, _, _ int64) {
		c, err := openCheckpoint(signed, verifier)
		if err != nil && first == nil {
			first = err
		}
		all = append(all, c)
	})
	if err != nil {
		return nil, badCheckpoint(errNoCheckpoint.Error())
	}
	if first != nil {
		return nil, first
	}
	if len(all) == 0 {
		return nil, badCheckpoint("it is empty")
	}
	return all, nil
}

// maxBlock is the maximum size of a block of lines in a file of checkpoints, in bytes. A
// checkpoint has less than 1 KiB.
const maxBlock = 64 << 10

// eachNote calls do with each signed note of a file, and where in the file it starts and
// ends. The text of a checkpoint has no empty line, so a note is a block of lines and
// the block of signatures (c2sp.org/signed-note) that follows it. What was written in
// part, as after a power cut, is omitted: text that no signature follows, and a
// signature that is too short. do must not keep the note.
func eachNote(r io.Reader, do func(signed []byte, from, to int64)) error {
	var from, to, start int64
	blocks := bufio.NewScanner(r)
	blocks.Buffer(nil, maxBlock)
	blocks.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, length := bytes.Index(data, []byte("\n\n")), 2
		if n < 0 {
			if n, length = len(data), 0; !atEOF || n == 0 {
				return 0, nil, nil
			}
		}
		from, to = to, to+int64(n+length)
		return n + length, data[:n], nil
	})
	var text []byte
	for blocks.Scan() {
		block := bytes.Trim(blocks.Bytes(), "\n")
		switch {
		case len(block) == 0:
		case !bytes.HasPrefix(block, []byte("— ")):
			text, start = bytes.Clone(block), from
		case hasWholeSignature(block):
			do(slices.Concat(text, []byte("\n\n"), block, []byte("\n")), start, to)
			text = nil
		default:
			text = nil
		}
	}
	return blocks.Err()
}

// hasWholeSignature reports whether the last line of a block of signatures has as many
// bytes as one of Ed25519 at least: the hash of the key, of 4 bytes, and the signature.
func hasWholeSignature(block []byte) bool {
	last := block[bytes.LastIndexByte(block, ' ')+1:]
	b, err := base64.StdEncoding.DecodeString(string(last))
	return err == nil && len(b) >= 4+ed25519.SignatureSize
}

// jsonCheckpoint is a Head as it was kept before schema 14. Hashes are in hexadecimal
// digits; those of states are empty if there is none. MAC is that of the head.
type jsonCheckpoint struct {
	Version int    `json:"version"`
	Seq     int64  `json:"seq"`
	Hash    string `json:"hash"`
	People  string `json:"people"`
	Clients string `json:"clients"`
	MAC     string `json:"mac"`
}

// parseJSON parses a checkpoint from before schema 14.
func (t *Trail) parseJSON(b []byte) (Head, error) {
	var c jsonCheckpoint
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || c.Version != 1 {
		return Head{}, badCheckpoint(errNoCheckpoint.Error())
	}
	h := Head{Seq: c.Seq}
	var mac [32]byte
	for _, field := range []struct {
		text string
		hash *[32]byte
	}{{c.Hash, &h.Hash}, {c.People, &h.People}, {c.Clients, &h.Clients}, {c.MAC, &mac}} {
		b, err := hex.DecodeString(field.text)
		if err != nil || len(b) != 0 && len(b) != len(field.hash) {
			return Head{}, badCheckpoint(errNoCheckpoint.Error())
		}
		copy(field.hash[:], b)
	}
	if want := signHead(h, "", t.o.Chain.Hash); !hmac.Equal(want[:], mac[:]) {
		return Head{}, badCheckpoint("it is of another database, or was changed")
	}
	return h, nil
}
