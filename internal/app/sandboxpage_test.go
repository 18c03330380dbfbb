package app_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sesuai/sesuai/internal/sandbox"
)

// sandboxIntroduction is the part of docs/integrate/sandbox.md that is no table.
const sandboxIntroduction = "# A sandbox of the API\n\n" +
	"<!-- make docs writes this page from the table in internal/sandbox. Do not edit it. -->\n\n" +
	`Every answer of the API can be had without real people:

    export PATH="$PWD/bin:$PATH"

    SESUAI_FACE_LIVENESS=true sesuai serve --sandbox

Some NIKs then have fixed answers: the tables below list them. With the client that ` + "`make run`" + ` has made:

    curl -s -K data/demo-client.curl -F nik=9900000101700003 -F 'name=Siapa Saja' -F date_of_birth=01-02-1990 \
      -F face_image=@build/demo/photos/ayu-selfie.jpg http://127.0.0.1:8080/identity/v1/face-verification

    {"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}

A face match and a passive liveness check are about no NIK. Send one as ` + "`reference_id`" + `:

    curl -s -K data/demo-client.curl -F reference_id=9900000101700005 -F captured_image=@build/demo/photos/ayu-selfie.jpg \
      -F stored_image=@build/demo/photos/ayu-reference.jpg http://127.0.0.1:8080/face/v1/match

    {"status":"success","result":{"match_percentage":0.41070,"match_status":"not match","match_status_code":"NOT_MATCH"}}

- The claim and the photograph are not looked at. Send any valid name and date of birth, and any file.
- Everything else is as ever: credentials, scopes, rates, validation, the client's threshold and policies, repeated requests, the audit trail. The
  answers in the tables are those with the default thresholds.
- Other synthetic NIKs, those that start with 99, are looked up among the people on record, who are really verified. ` + "`sesuai person add`" + ` enrols them.
  A NIK that somebody may have is not looked up. It is answered as not on record, whoever is enrolled while the sandbox runs.
- Every response has the header ` + "`" + sandbox.Header + ": true`" + `, and the log says at the start that this is a sandbox.
- It does not start if anybody is on record whose NIK does not start with 99, or more than 100,000 people are, nor with ` + "`dukcapil.enabled`" + `.
- Without ` + "`face.liveness`" + `, which the variable sets, passive liveness is 403, as ever.

In the tables ` + "`guidance`" + ` is left out of the bodies: each body with a ` + "`code`" + ` has one ([api.md](api.md)). An endpoint answers as about
` + "`9900000101700001`" + ` where its table does not list a NIK.

`

// sandboxPage is docs/integrate/sandbox.md.
func sandboxPage() string {
	var b strings.Builder
	b.WriteString(sandboxIntroduction)
	for i, endpoint := range sandbox.Endpoints {
		title := []string{"Face verification", "Data verification", "Face match", "Passive liveness"}[i]
		fmt.Fprintf(&b, "## %s\n\n`POST %s`\n\n| NIK | stands for | status | body |\n|---|---|---|---|\n", title, endpoint)
		for _, o := range sandbox.Outcomes {
			if slices.ContainsFunc(o.Answers, func(a sandbox.Answer) bool { return a.Endpoint == endpoint }) {
				writeAnswer(&b, "`"+o.NIK+"`", o.Means, o.Answer(endpoint))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("## What a request brings about itself\n\n" +
		"These need no sandbox. So do 401 without valid credentials, 403 without the scope, 404, 405, 413 over `limits.max_body`, and 415 with another\n" +
		"Content-Type than the two that are read.\n\n" +
		"| endpoint | field | status | body |\n|---|---|---|---|\n")
	for _, m := range sandbox.Mistakes {
		field := "`" + m.Field + "` is `" + m.Value + "`"
		if m.Value == "" {
			field = "`" + m.Field + "` is empty"
		}
		writeAnswer(&b, "`"+m.Endpoint+"`", field, m.Answer)
	}
	return b.String()
}

// writeAnswer writes a row of a table.
func writeAnswer(b *strings.Builder, first, second string, a sandbox.Answer) {
	status := fmt.Sprint(a.Status)
	if a.RetryAfter != "" {
		status += ", `Retry-After: " + a.RetryAfter + "`"
	}
	fmt.Fprintf(b, "| %s | %s | %s | `%s` |\n", first, second, status, a.Body)
}
