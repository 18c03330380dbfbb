package people

import (
	"context"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// TemplateCount counts the templates on record. WithoutLength of them were stored
// without face.Template.Length.
type TemplateCount struct {
	Templates     int `json:"templates"`
	WithoutLength int `json:"templates_without_length"`
}

// CountTemplates counts the templates on record. It opens none: one with a length
// is longer than one without, sealed too. So it needs no key, and takes the time
// that reading the table takes. Errors have kind sesuai.KindUnavailable.
func CountTemplates(ctx context.Context, db *sqldb.DB) (c TemplateCount, err error) {
	// Of a sealed value only the size matters here, so any key does.
	withLength := len(keyring.NewDataKey(0).Seal(make([]byte, face.MarshalledTemplateSize+face.SignatureSize), nil))
	err = db.Read().QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN length(template) = $1 THEN 0 ELSE 1 END), 0) FROM templates`,
		withLength).Scan(&c.Templates, &c.WithoutLength)
	if err != nil {
		return TemplateCount{}, sqldb.Unavailable(ctx, "counting templates", err)
	}
	return c, nil
}
