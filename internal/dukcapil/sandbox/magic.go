package sandbox

import "fmt"

// MagicPrefix begins every magic NIK. The region 990000 does not exist: the
// numbers of provinces go from 11 to 97, and 00 in place of a regency or city
// stands for the province itself, in which nobody is registered. The date is
// valid, so that a caller that checks the structure of NIKs still sends it.
const MagicPrefix = "990000010190"

// Magic is a NIK that has a fixed answer, whoever is on record.
type Magic struct {
	NIK string
	// Service is the service with the fixed answer. For the other services,
	// every element and the face of this NIK agree.
	Service Name
	// Answer describes the answer.
	Answer string
}

// Magics returns all magic NIKs.
func Magics() []Magic {
	all := make([]Magic, len(magics))
	for i, m := range magics {
		all[i] = Magic{MagicPrefix + m.suffix, m.service, m.what}
	}
	return all
}

// magic defines the answer to a magic NIK.
type magic struct {
	suffix  string
	service Name
	what    string
	// data and face change an answer in which everything agrees.
	data func(*dataAnswer, dataRequest)
	face func(*faceAnswer)
	// balikan is the message of a refusal.
	balikan string
	fault   Fault
	// once means that only the first call has this answer.
	once bool
}

// magics is the table of magic NIKs. If a NIK is for a code, its last four digits
// are the code.
var magics = func() []magic {
	all := []magic{
		dataMagic("1000", "every element that is sent agrees", nil),
		dataMagic("1001", "the name differs: `Tidak Sesuai (40)`, whatever the threshold", name("Tidak Sesuai (40)")),
		dataMagic("1002", "the date of birth differs", setText("TGL_LHR", differs)),
		dataMagic("1003", "the name agrees by just the threshold", func(a *dataAnswer, r dataRequest) {
			setText("NAMA_LGKP", graded(r.threshold, r.threshold))(a, r)
		}),
		dataMagic("1004", "the name is one under the threshold", func(a *dataAnswer, r dataRequest) {
			setText("NAMA_LGKP", graded(max(r.threshold-1, 0), r.threshold))(a, r)
		}),
		dataMagic("1005", "word and number about the name disagree: `Tidak Sesuai (100)`", name("Tidak Sesuai (100)")),
		dataMagic("1006", "an unexpected text about the name", setUnknownText("NAMA_LGKP", "Perlu Verifikasi")),
		dataMagic("1007", "nothing about the name although it was sent", func(a *dataAnswer, _ dataRequest) {
			delete(a.elements, "NAMA_LGKP")
			a.class = Unreadable
		}),
		dataMagic("1008", "the name agrees, without a number: `Sesuai`", name(agrees)),
		dataMagic("1009", "the NIK itself is said to differ", setUnknownText("NIK", differs)),
		dataMagic("1010", "a number out of range about the name: `Sesuai (150)`", setUnknownText("NAMA_LGKP", "Sesuai (150)")),
		dataMagic("1011", "an unexpected text about the date of birth", setUnknownText("TGL_LHR", "Sesuai (50)")),
		dataMagic("1012", "every element agrees; no quotaLimiter", func(a *dataAnswer, _ dataRequest) { a.noQuota = true }),
		dataMagic("1020", "`content` is empty", func(a *dataAnswer, _ dataRequest) { *a = dataAnswer{class: Unreadable} }),
		dataMagic("1021", "there is no `content`", func(a *dataAnswer, _ dataRequest) { a.noContent, a.class = true, Unreadable }),
		dataMagic("1022", "`content` has two rows", func(a *dataAnswer, _ dataRequest) { a.rows, a.class = 2, Unreadable }),
		dataMagic("1023", "RESPONSE_CODE 00 and no element", func(a *dataAnswer, _ dataRequest) {
			*a = dataAnswer{code: "00", rows: 1, class: Unreadable, shape: new(Envelope)}
		}),
		dataMagic("1024", "a row without anything", func(a *dataAnswer, _ dataRequest) { *a = dataAnswer{rows: 1, class: Unreadable} }),
		oldShape("1030", codeNotFound, ""),
		oldShape("1031", codeDeceased, ""),
		oldShape("1032", codeInactive, ""),
		oldShape("1033", codeLogin, ""),
		oldShape("1034", codeQuota, ""),
		oldShape("1035", "", "Terjadi Kesalahan Sistem"),
	}
	for _, code := range []string{"00", "01"} {
		all = append(all, dataMagic("00"+code, "RESPONSE_CODE "+code+", and every element agrees", func(a *dataAnswer, _ dataRequest) { a.code = code }))
	}
	for _, code := range []string{"03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "99"} {
		what := "an unknown code"
		if row, ok := dataCodes[code]; ok {
			what = row.text
		}
		all = append(all, dataMagic("00"+code, "RESPONSE_CODE "+code+": "+what, func(a *dataAnswer, _ dataRequest) {
			*a = dataAnswer{code: code, rows: 1}
		}))
	}
	for _, code := range []int{5000, 5001, 5002, 5003, 5004, 5005, 5006, 6006, 6012, 6014, 6015, 6020, 9002, 9999} {
		what := "an unknown code"
		if row, ok := faceCodes[code]; ok {
			what = row.text
		}
		all = append(all, faceMagic(fmt.Sprint(code), fmt.Sprintf("errorCode %d: %s", code, what), refusal(code)))
	}
	other := verdict(faceMatch, "8.331", true)
	other.otherNIK = true
	transaction := verdict(faceMatch, "8.331", true)
	transaction.otherTransaction = true
	status := verdict(faceMatch, "8.331", true)
	status.status = 500
	scoreless := verdict(faceMatch, "", true)
	all = append(
		all,
		faceMagic("6018", "errorCode 6018: a match, 8.331", verdict(faceMatch, "8.331", true)),
		faceMagic("6019", "errorCode 6019: no match, 2.114", verdict(faceNoMatch, "2.114", false)),
		faceMagic("2001", "a match that is too high: 9.8", verdict(faceMatch, "9.800", true)),
		faceMagic("2002", "a match at exactly the threshold: 5", verdict(faceMatch, "5.000", true)),
		faceMagic("2003", "no match, just below the threshold: 4.999", verdict(faceNoMatch, "4.999", false)),
		faceMagic("2004", "6018 with 8.331, but verificationResult is false", verdict(faceMatch, "8.331", false)),
		faceMagic("2005", "6019 with 8.331, and verificationResult is true", verdict(faceNoMatch, "8.331", true)),
		faceMagic("2006", "6018 with 2.114, and verificationResult is true", verdict(faceMatch, "2.114", true)),
		faceMagic("2007", "a match beyond the curve: 12.5", verdict(faceMatch, "12.500", true)),
		faceMagic("2008", "6018 without a matchScore", scoreless),
		faceMagic("2009", "6018 with the matchScore `NaN`", verdict(faceMatch, "NaN", true)),
		faceMagic("2010", "6018 with a negative matchScore", verdict(faceMatch, "-1.000", true)),
		faceMagic("2011", "a match of another NIK (`uid`)", other),
		faceMagic("2012", "a match of another transactionId", transaction),
		faceMagic("2013", "a match with httpResponseCode 500", status),
		faceMagic("2014", "errorCode 5002 and quotaLimiter 0: the day's quota is used up", faceAnswer{code: faceLimited, quotaUsedUp: true}),
		faceMagic("2015", "a match without `error`", faceAnswer{score: "8.331", matched: new(true)}),
		faceMagic("2020", "`{}`", faceAnswer{empty: true}),
	)
	busy := faceMagic("2060", "errorCode 5000 the first time, then a match", refusal(faceBusy))
	busy.once = true
	all = append(all, busy)
	for i, f := range []struct {
		fault Fault
		what  string
	}{
		{Stalled, "no answer for the time of a stall (30 s), then the connection ends"},
		{Cut, "half of a body, then the connection ends"},
		{HalfJSON, "half of a JSON as if it were all"},
		{Garbage, "bytes that are no JSON"},
		{HTTP500, "HTTP 500 with a web page"},
		{HTTP502, "HTTP 502 with a web page"},
		{HTTP503, "HTTP 503 with a web page and Retry-After"},
		{HTTP429, "HTTP 429 with a web page and Retry-After"},
		{HTTP401, "HTTP 401 with a web page"},
		{EmptyBody, "HTTP 200 without a body"},
		{Page, "HTTP 200 with a web page"},
		{Redirected, "a redirection to a log-in page"},
		{Reset, "the connection is reset"},
		{SlowHeaders, "an agreeing answer after 3 s"},
		{SlowBody, "an agreeing answer in ten pieces over 3 s"},
		{Endless, "a body of 64 MiB"},
	} {
		for prefix, service := range []Name{DataCheck, FaceCheck, Balikan} {
			all = append(all, magic{suffix: fmt.Sprintf("%d%d", prefix+1, 100+i), service: service, what: f.what, fault: f.fault})
		}
	}
	for prefix, service := range []Name{DataCheck, FaceCheck, Balikan} {
		all = append(all, magic{
			suffix: fmt.Sprintf("%d200", prefix+1), service: service, what: "HTTP 502 the first time, then as usual", fault: HTTP502, once: true,
		})
	}
	return append(
		all,
		magic{suffix: "3001", service: Balikan, what: "HTTP 400 `" + alreadySent + "`, always", balikan: alreadySent},
		magic{suffix: "3002", service: Balikan, what: "HTTP 400 with another message", balikan: "Terjadi kesalahan"},
	)
}()

func dataMagic(suffix, what string, change func(*dataAnswer, dataRequest)) magic {
	return magic{suffix: suffix, service: DataCheck, what: what, data: change}
}

func faceMagic(suffix, what string, answer faceAnswer) magic {
	return magic{suffix: suffix, service: FaceCheck, what: what, face: func(a *faceAnswer) { *a = answer }}
}

// setText returns a change that sets the text about an element, if it was sent.
func setText(key, text string) func(*dataAnswer, dataRequest) {
	return func(a *dataAnswer, r dataRequest) {
		if _, sent := r.sent[key]; sent {
			a.elements[key] = text
		}
	}
}

func name(text string) func(*dataAnswer, dataRequest) { return setText("NAMA_LGKP", text) }

// setUnknownText is setText with a text that has no meaning.
func setUnknownText(key, text string) func(*dataAnswer, dataRequest) {
	return func(a *dataAnswer, r dataRequest) {
		setText(key, text)(a, r)
		a.class = Unreadable
	}
}

// oldShape is the magic NIK of a refusal in the old shape.
func oldShape(suffix, code, text string) magic {
	what := dataCodes[code].text
	if code == "" {
		what = text
	}
	return dataMagic(suffix, "`{\"RESPON\":\""+what+"\"}`", func(a *dataAnswer, _ dataRequest) {
		*a = dataAnswer{code: code, text: what, shape: new(Respon), rows: 1}
		if code == "" {
			a.code, a.class = "?", Unreadable // the code is not sent
		}
	})
}
