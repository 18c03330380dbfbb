package console

import (
	"bytes"
	"net/http"

	"github.com/sesuai/sesuai"
)

// reportSubject answers with the report to a data subject, as a file to be saved. The NIK is
// in the body of the request alone, and the report, which does not have it, is an event.
func (c *call) reportSubject() error {
	nik, err := sesuai.ParseNIK(c.input("nik"))
	if err != nil {
		status, text := c.problem(err)
		c.note(err, status)
		return c.showTrail(status, page{Problem: text})
	}
	var b bytes.Buffer
	if err := c.o.ReportSubject(c.ctx, nik, &b); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="subject-report.html"`)
	c.w.WriteHeader(http.StatusOK)
	_, err = b.WriteTo(c.w)
	return err
}
