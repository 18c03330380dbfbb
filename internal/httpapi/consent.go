package httpapi

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// The names of the fields of every endpoint that state the ground for a request.
const (
	fieldConsentID      = "consent_id"
	fieldConsentGivenAt = "consent_given_at"
	fieldPurpose        = "purpose"
)

// everyEndpoint are the fields that every endpoint has.
var everyEndpoint = schema{{fieldReference, false}, {fieldConsentID, false}, {fieldConsentGivenAt, false}, {fieldPurpose, false}}

// with returns the schema with the fields that every endpoint has.
func (s schema) with(more schema) schema { return append(s[:len(s):len(s)], more...) }

// stated are the fields of a form that are about the request and not about what is
// asked.
func (f *form) stated(c *call, client access.Client, now time.Time) (err error) {
	if c.reference, err = f.reference(); err != nil {
		return err
	}
	c.consent, err = f.consent(client, now)
	return err
}

// consent returns what the form states of the ground for the request. An empty text,
// null and ungiven state nothing. What the client must state and does not is an error
// of kind sesuai.KindConsentRequired.
func (f *form) consent(client access.Client, now time.Time) (c sesuai.Consent, err error) {
	for _, part := range [...]struct {
		name  string
		parse func(text string) error
	}{
		{fieldConsentID, func(text string) (err error) { c.ID, err = sesuai.ParseConsentID(text); return err }},
		{fieldConsentGivenAt, func(text string) (err error) { c.GivenAt, err = sesuai.ParseConsentTime(text, now); return err }},
		{fieldPurpose, func(text string) (err error) { c.Purpose, err = sesuai.ParsePurpose(text); return err }},
	} {
		field := f.field(part.name)
		if !field.unreadable && (field.text == "" || field.text == ungiven) {
			continue
		}
		if field.unreadable || part.parse(field.text) != nil {
			return sesuai.Consent{}, &sesuai.Error{Kind: sesuai.KindInvalidConsent, Err: &advice{
				guidance: consentGuidance[part.name], why: part.name + " is not valid", reason: "Invalid " + part.name + " format",
			}}
		}
	}
	if missing := client.Consent.Missing(c); missing != "" {
		return sesuai.Consent{}, &sesuai.Error{Kind: sesuai.KindConsentRequired, Err: &advice{
			guidance: consentGuidance[missing], why: missing + " is missing", reason: "No " + missing + " in request body",
		}}
	}
	return c, nil
}

// guideConsent is the guidance about all of them.
var guideConsent = &Guidance{
	ID: "Isi consent_id, consent_given_at, dan purpose sesuai ketentuan operator.",
	EN: "Give the consent_id, the consent_given_at and the purpose that the operator asks for.",
}

// consentGuidance is the guidance about each field.
var consentGuidance = map[string]*Guidance{
	fieldConsentID: {
		ID: "Isi consent_id dengan id persetujuan dari sistem Anda: 1 sampai 128 karakter ASCII tanpa spasi, bukan NIK.",
		EN: "Give a consent_id, the id of the consent in your own system: 1 to 128 visible ASCII characters without spaces, and no NIK.",
	},
	fieldConsentGivenAt: {
		ID: "Isi consent_given_at dengan waktu persetujuan diberikan menurut RFC 3339, misalnya 2026-11-29T10:15:00+07:00, dan tidak di masa depan.",
		EN: "Give a consent_given_at, the time when the consent was given, as in RFC 3339, such as 2026-11-29T10:15:00+07:00, and not in the future.",
	},
	fieldPurpose: {
		ID: "Isi purpose dengan tujuan pemrosesan, misalnya account_opening: 1 sampai 100 karakter ASCII, tanpa data tentang orangnya.",
		EN: "Give a purpose of the processing, such as account_opening: 1 to 100 ASCII characters, with nothing about the person.",
	},
}
