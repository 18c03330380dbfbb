package audit

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
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
// There is at least one.
func OpenCheckpoints(b []byte, publicKey string) ([]Checkpoint, error) {
	var all []Checkpoint
	for _, signed := range splitNotes(b) {
		c, err := OpenCheckpoint(signed, publicKey)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, badCheckpoint("it is empty")
	}
	return all, nil
}

// splitNotes splits a file into signed notes. The text of a checkpoint has no empty line,
// so a note is a block of lines and the block of signatures (c2sp.org/signed-note) that
// follows it. Text that no signature follows, which was written in part, is left out.
func splitNotes(b []byte) (notes [][]byte) {
	var text []byte
	for block := range bytes.SplitSeq(b, []byte("\n\n")) {
		if block = bytes.Trim(block, "\n"); len(block) == 0 {
			continue
		}
		if !bytes.HasPrefix(block, []byte("— ")) {
			text = block
			continue
		}
		notes = append(notes, slices.Concat(text, []byte("\n\n"), block, []byte("\n")))
		text = nil
	}
	return notes
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
