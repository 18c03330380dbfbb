package audit

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sesuai/sesuai"
)

// checkpointVersion is the version of the form of a checkpoint.
const checkpointVersion = 1

// checkpoint is a Head as JSON. Hashes are in hexadecimal digits; those of
// states are empty if there is none.
type checkpoint struct {
	Version int    `json:"version"`
	Seq     int64  `json:"seq"`
	Hash    string `json:"hash"`
	People  string `json:"people"`
	Clients string `json:"clients"`
	// MAC is the keyed hash of the head, as audit_head has it.
	MAC string `json:"mac"`
}

// Checkpoint returns a line of JSON that stands for a head of the trail. Stored
// where nobody can change it who can change the database, it shows events that
// were cut off at the end of the trail.
func (t *Trail) Checkpoint(h Head) json.RawMessage {
	text := func(hash [32]byte) string { return hex.EncodeToString(optional(hash)) }
	b, err := json.Marshal(checkpoint{
		checkpointVersion, h.Seq, hex.EncodeToString(h.Hash[:]), text(h.People), text(h.Clients), text(h.sign(t.o.Chain.Hash)),
	})
	if err != nil {
		panic(err) // it consists of numbers and digits
	}
	return b
}

// ParseCheckpoint parses what Checkpoint returned for a trail with the same key.
// The error has kind sesuai.KindMalformed.
func (t *Trail) ParseCheckpoint(b []byte) (Head, error) {
	var c checkpoint
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || c.Version != checkpointVersion {
		return Head{}, badCheckpoint("it is not a checkpoint")
	}
	h := Head{Seq: c.Seq}
	var mac [32]byte
	for _, field := range []struct {
		text string
		hash *[32]byte
	}{{c.Hash, &h.Hash}, {c.People, &h.People}, {c.Clients, &h.Clients}, {c.MAC, &mac}} {
		b, err := hex.DecodeString(field.text)
		if err != nil || len(b) != 0 && len(b) != len(field.hash) {
			return Head{}, badCheckpoint("it is not a checkpoint")
		}
		copy(field.hash[:], b)
	}
	if want := h.sign(t.o.Chain.Hash); !hmac.Equal(want[:], mac[:]) {
		return Head{}, badCheckpoint("it is of another database, or was changed")
	}
	return h, nil
}

func badCheckpoint(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: fmt.Sprintf("the checkpoint cannot be used: %s", why)}
}
