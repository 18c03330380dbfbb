package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

// Checkpoint is a head of a trail that was signed. Stored where nobody can change it who
// can change the database, it shows whether the events up to it are still those that
// were recorded.
//
// Its text is a checkpoint of C2SP (c2sp.org/tlog-checkpoint): a signed note
// (c2sp.org/signed-note) with an Ed25519 signature, whose lines are the origin, the
// number of the last event, its hash in base64, and the extension lines below. The hash
// is not the root of a Merkle tree but the head of a hash chain (Head.Link), which the
// first extension line says. So there are no proofs of inclusion: to compare a
// checkpoint with a trail takes the trail.
type Checkpoint struct {
	Head
	// Origin names the trail.
	Origin string
	// Time is when the head was signed, to the second.
	Time time.Time
}

// The extension lines, in their order. Those of people and clients follow only if their
// digests are known.
const (
	chainLine   = "hash-chain HMAC-SHA-256"
	timeLine    = "time "
	peopleLine  = "people "
	clientsLine = "clients "
)

// text returns the lines that are signed.
func (c Checkpoint) text() string {
	lines := []string{
		c.Origin, strconv.FormatInt(c.Seq, 10), base64.StdEncoding.EncodeToString(c.Hash[:]),
		chainLine, timeLine + c.Time.UTC().Format(time.RFC3339),
	}
	if c.People != [32]byte{} {
		lines = append(lines, peopleLine+base64.StdEncoding.EncodeToString(c.People[:]))
	}
	if c.Clients != [32]byte{} {
		lines = append(lines, clientsLine+base64.StdEncoding.EncodeToString(c.Clients[:]))
	}
	return strings.Join(lines, "\n") + "\n"
}

// errNoCheckpoint is the error for a note that is not a Checkpoint.
var errNoCheckpoint = errors.New("it is not a checkpoint of an audit trail")

// parseText parses what text returned, and nothing else.
func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 5 {
		return c, errNoCheckpoint
	}
	c.Origin = lines[0]
	c.Seq, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Seq < 0 {
		return c, errNoCheckpoint
	}
	if c.Time, err = time.Parse(time.RFC3339, strings.TrimPrefix(lines[4], timeLine)); err != nil {
		return c, errNoCheckpoint
	}
	hashes := map[string]*[32]byte{peopleLine: &c.People, clientsLine: &c.Clients}
	if !parseHash(lines[2], &c.Hash) {
		return c, errNoCheckpoint
	}
	for _, line := range lines[5:] {
		name, value, _ := strings.Cut(line, " ")
		if h := hashes[name+" "]; h == nil || !parseHash(value, h) {
			return c, errNoCheckpoint
		}
	}
	if c.text() != text {
		return c, errNoCheckpoint
	}
	return c, nil
}

func parseHash(text string, h *[32]byte) bool {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return false
	}
	*h = [32]byte(b)
	return true
}

// OpenCheckpoint verifies a signed checkpoint with a public key, as Trail.PublicKey
// returns it. The error has kind sesuai.KindMalformed.
func OpenCheckpoint(signed []byte, publicKey string) (Checkpoint, error) {
	verifier, err := verifierOf(publicKey)
	if err != nil {
		return Checkpoint{}, err
	}
	return openCheckpoint(signed, verifier)
}

// CheckPublicKey returns an error of kind sesuai.KindMalformed unless the text is a public
// key as Trail.PublicKey returns it, of whichever trail.
func CheckPublicKey(text string) error {
	_, err := verifierOf(text)
	return err
}

func verifierOf(publicKey string) (note.Verifier, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindMalformed, Detail: "the public key is neither one that sesuai audit key has shown nor a file with one",
		}
	}
	return verifier, nil
}

func openCheckpoint(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if _, unsigned := errors.AsType[*note.UnverifiedNoteError](err); unsigned {
		return Checkpoint{}, badCheckpoint("it is of another database, or was changed")
	}
	if _, changed := errors.AsType[*note.InvalidSignatureError](err); changed {
		return Checkpoint{}, badCheckpoint("it was changed: its signature is not right")
	}
	if err != nil {
		return Checkpoint{}, badCheckpoint(errNoCheckpoint.Error())
	}
	c, err := parseText(n.Text)
	if err != nil || c.Origin != verifier.Name() {
		return Checkpoint{}, badCheckpoint(errNoCheckpoint.Error())
	}
	return c, nil
}

// checkpointSigner signs the checkpoints of one trail. It implements note.Signer.
type checkpointSigner struct {
	key       *keyring.Signer
	publicKey string
	verifier  note.Verifier
}

// newCheckpointSigner returns the signer of the trail whose chain has that secret. Its
// name, the origin of the checkpoints, is made from the public key, so that no two
// trails have the same.
func newCheckpointSigner(chain *keyring.Secret) (*checkpointSigner, error) {
	key := chain.Signer(keyring.Checkpoints)
	sum := sha256.Sum256(key.Public())
	publicKey, err := note.NewEd25519VerifierKey("sesuai-audit-"+hex.EncodeToString(sum[:6]), key.Public())
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	verifier, err := note.NewVerifier(publicKey)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return &checkpointSigner{key, publicKey, verifier}, nil
}

// Name implements note.Signer.
func (s *checkpointSigner) Name() string { return s.verifier.Name() }

// KeyHash implements note.Signer.
func (s *checkpointSigner) KeyHash() uint32 { return s.verifier.KeyHash() }

// Sign implements note.Signer.
func (s *checkpointSigner) Sign(message []byte) ([]byte, error) { return s.key.Sign(message), nil }

// sign returns the signed checkpoint of a head.
func (s *checkpointSigner) sign(h Head, at time.Time) ([]byte, error) {
	c := Checkpoint{Head: h, Origin: s.Name(), Time: at}
	signed, err := note.Sign(&note.Note{Text: c.text()}, s)
	if err != nil {
		return nil, fmt.Errorf("audit: signing a checkpoint: %w", err)
	}
	return signed, nil
}

// open opens a checkpoint that sign returned.
func (s *checkpointSigner) open(signed []byte) (Checkpoint, error) {
	return openCheckpoint(signed, s.verifier)
}

// SignCheckpoint returns a signed checkpoint of a head of the trail: see Checkpoint.
func (t *Trail) SignCheckpoint(h Head, at time.Time) ([]byte, error) { return t.signer.sign(h, at) }

// PublicKey returns the key that verifies the checkpoints of the trail, as a line of
// text in the form of a verifier key of c2sp.org/signed-note. It stays the same for as
// long as the database exists, also when master keys are rotated.
func (t *Trail) PublicKey() string { return t.signer.publicKey }

func badCheckpoint(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the checkpoint cannot be used: " + why}
}
