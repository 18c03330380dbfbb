package enrol

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Export writes everybody on record to w, as lines of JSON that an Import
// reads, and returns how many people it wrote. It writes all their data in the
// clear: w must encrypt it.
func Export(ctx context.Context, from registry.Exporter, w io.Writer) (people int, err error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	err = from.Export(ctx, func(e registry.Enrolment) error {
		line, err := exported(e)
		if err != nil {
			return err
		}
		people++
		return lines.Encode(line)
	})
	return people, errors.Join(err, buffered.Flush())
}

// exported returns a person as a line of a file of people.
func exported(e registry.Enrolment) (map[string]string, error) {
	p := e.Person
	line := map[string]string{
		columnNIK: p.NIK.Reveal(), columnName: p.Name.Reveal(), columnDateOfBirth: p.DateOfBirth.Reveal(),
		columnStatus: p.Status.String(),
	}
	for a, text := range p.Attributes {
		line[string(a)] = text.Reveal()
	}
	if e.Portrait == nil {
		return line, nil
	}
	template, err := e.Portrait.Template.MarshalBinary()
	if err != nil {
		return nil, err
	}
	line[columnTemplate] = base64.StdEncoding.EncodeToString(template)
	line[columnModel] = e.Portrait.Template.Model
	line[columnSource] = hex.EncodeToString(e.Portrait.Source[:])
	if e.Portrait.Signature != (face.Signature{}) {
		signature, err := e.Portrait.Signature.MarshalBinary()
		if err != nil {
			return nil, err
		}
		line[columnSignature] = base64.StdEncoding.EncodeToString(signature)
	}
	return line, nil
}

// Digest is the number of people in a registry and a digest of all that is on
// record about them. It depends neither on their order, nor on the keys that
// they are stored under, nor on when they were enrolled: two registries that
// give the same answers have the same digest.
type Digest struct {
	People int
	// Templates is how many people have a template, and WithoutLength how many
	// of these have one without face.Template.Length: they were stored by an
	// older version.
	Templates, WithoutLength int
	// Sum is the sum, modulo 2^256, of the SHA-256 of each person.
	Sum [sha256.Size]byte
}

// String returns the sum in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d.Sum[:]) }

// DigestOf reads a whole registry. Errors are those of registry.Exporter.
func DigestOf(ctx context.Context, from registry.Exporter) (d Digest, err error) {
	err = from.Export(ctx, func(e registry.Enrolment) error { return d.add(e) })
	return d, err
}

func (d *Digest) add(e registry.Enrolment) error {
	h := sha256.New()
	field := func(b []byte) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	p := e.Person
	for _, text := range []string{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal(), p.Status.String()} {
		field([]byte(text))
	}
	for _, a := range sesuai.Attributes {
		field([]byte(p.Attributes[a].Reveal()))
	}
	if e.Portrait != nil {
		template, err := e.Portrait.Template.MarshalBinary()
		if err != nil {
			return err
		}
		signature, err := e.Portrait.Signature.MarshalBinary()
		if err != nil {
			return err
		}
		for _, b := range [][]byte{[]byte(e.Portrait.Template.Model), template, e.Portrait.Source[:], signature} {
			field(b)
		}
		d.Templates++
		if e.Portrait.Template.Length == 0 {
			d.WithoutLength++
		}
	}
	d.People++
	carry := 0
	for i, sum := len(d.Sum)-1, h.Sum(nil); i >= 0; i-- {
		carry += int(d.Sum[i]) + int(sum[i])
		d.Sum[i] = byte(carry)
		carry >>= 8
	}
	return nil
}

// Copy copies everybody from one registry to another.
type Copy struct {
	From registry.Exporter
	To   interface {
		registry.Enroller
		registry.Exporter
	}
	// Progress, if not nil, is called now and then with how many people are
	// done.
	Progress func(people int)
}

// Copied is the result of a Copy.
type Copied struct {
	Added     int    `json:"added"`
	Replaced  int    `json:"replaced"`
	Unchanged int    `json:"unchanged"`
	From      Digest `json:"-"`
	To        Digest `json:"-"`
}

// Run puts everybody on record in To who is on record in From, and then compares
// the digests of the two. It can be stopped and run again. An error of kind
// sesuai.KindConflict means that the digests differ: To has people whom From has
// not, or one of the two has changed meanwhile.
func (c *Copy) Run(ctx context.Context) (done Copied, err error) {
	batch := make([]registry.Enrolment, 0, batchSize)
	write := func() error {
		changes, err := c.To.EnrolBatch(ctx, batch, true)
		for _, change := range changes {
			switch change {
			case registry.Added:
				done.Added++
			case registry.Replaced:
				done.Replaced++
			default:
				done.Unchanged++
			}
		}
		batch = batch[:0]
		if c.Progress != nil {
			c.Progress(done.From.People)
		}
		return err
	}
	err = c.From.Export(ctx, func(e registry.Enrolment) error {
		if err := done.From.add(e); err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) < batchSize {
			return nil
		}
		return write()
	})
	if err == nil && len(batch) > 0 {
		err = write()
	}
	if err != nil {
		return done, err
	}
	if done.To, err = DigestOf(ctx, c.To); err != nil {
		return done, err
	}
	if done.From != done.To {
		return done, &sesuai.Error{
			Kind: sesuai.KindConflict,
			Detail: fmt.Sprintf("the two registries differ: %d people with digest %v here, %d with %v there",
				done.From.People, done.From, done.To.People, done.To),
		}
	}
	return done, nil
}
