package client

import (
	"context"
	"net/url"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// comparing is a comparison on its way.
type comparing struct {
	r     *Registry
	nik   sesuai.NIK
	probe face.Probe

	jpeg  []byte // nil: not made yet
	begun *call  // nil: not begun yet

	// What the answer says.
	comparison registry.Comparison
	rejected   bool
	differs    disagreement
}

// Compare implements registry.Registry by the face check.
func (r *Registry) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	c := comparing{r: r, nik: nik, probe: probe}
	return c.Compare(ctx)
}

// Prepare implements registry.Preparer: it makes the picture and puts the call
// on the account. Killed before that call is made, the process leaves one of
// unknown ending.
func (r *Registry) Prepare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Prepared, error) {
	c := &comparing{r: r, nik: nik, probe: probe}
	if _, why := r.face.closed(r.face.now()); why != "" {
		return c, nil // for Compare to say, if it is still so
	}
	if err := c.draw(ctx); err != nil {
		return nil, err
	}
	begun, failed := r.face.begin(ctx, c.request)
	if failed.failure != nil {
		return nil, failed.failure.unavailable(failed.after)
	}
	c.begun = &begun
	return c, nil
}

// Compare implements registry.Prepared.
func (c *comparing) Compare(ctx context.Context) (registry.Comparison, error) {
	service := c.r.face
	release, err := service.admit()
	if err != nil {
		c.Drop(ctx)
		return registry.Comparison{}, err
	}
	defer release()
	if err := c.draw(ctx); err != nil {
		return registry.Comparison{}, err
	}
	err = service.ask(ctx, c.begun, c.request)
	switch {
	case err != nil:
		return registry.Comparison{}, err
	case c.rejected:
		return registry.Comparison{}, &sesuai.Error{
			Kind: sesuai.KindInvalidImage, Err: &failure{service: service.name, class: InvalidImage},
		}
	case c.differs != "":
		c.r.disagree(service, string(c.differs))
	}
	return c.comparison, nil
}

// Drop implements registry.Prepared.
func (c *comparing) Drop(ctx context.Context) {
	if c.begun != nil {
		c.r.face.withdraw(ctx, *c.begun)
	}
}

// draw makes the photograph as the upstream takes it, if it is not made yet.
func (c *comparing) draw(ctx context.Context) (err error) {
	if c.jpeg != nil {
		return nil
	}
	f := &failure{service: c.r.face.name, class: NotPrepared, what: "no photograph", cause: ctx.Err()}
	if c.probe.Picture == nil {
		return f.unavailable(later)
	}
	jpeg, err := c.probe.Picture.JPEG(ctx, c.r.budget)
	switch {
	case ctx.Err() != nil:
		f.what, f.cause = "", ctx.Err()
		return f.unavailable(aMoment)
	case err != nil || len(jpeg) == 0 || len(jpeg) > c.r.budget:
		return f.unavailable(later)
	}
	c.jpeg = jpeg
	return nil
}

// request is one call about the picture.
func (c *comparing) request() (request, error) {
	p, err := c.r.encrypted(c.nik)
	if err != nil {
		return request{}, err
	}
	wire, transaction := &c.r.settings.face, newTransaction()
	body, err := wire.body(transaction, p, c.jpeg)
	return request{c.r.faceURL(), body, func(answer []byte) (got reading) {
		c.comparison, got, c.differs = wire.read(answer, transaction, c.nik)
		c.rejected = got.class == InvalidImage
		return got
	}}, err
}

// encrypted are the fields that are private, as they are sent.
func (r *Registry) encrypted(nik sesuai.NIK) (p private, err error) {
	key, _ := r.faceKey.get()
	user, _ := r.faceUser.get()
	password, _ := r.facePassword.get()
	for _, f := range []struct {
		into *string
		text string
	}{{&p.nik, nik.Reveal()}, {&p.user, user}, {&p.password, password}} {
		if *f.into, err = r.settings.encrypt(key, f.text); err != nil {
			return private{}, err
		}
	}
	return p, nil
}

func (r *Registry) faceURL() string {
	credential, _ := r.faceCredential.get()
	return strings.ReplaceAll(r.settings.faceURL, credentialPlace, url.PathEscape(credential))
}
