package sandbox

import (
	"fmt"
	"strings"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// Endpoints are the paths of all endpoints, in the order of the documentation.
var Endpoints = []string{httpapi.FaceVerificationPath, httpapi.DataVerificationPath, httpapi.FaceMatchPath, httpapi.PassiveLivenessPath}

// Answer is what an endpoint answers.
type Answer struct {
	// Endpoint is its path.
	Endpoint string
	Status   int
	// Body is the body without the guidance. That of a data verification is about
	// a claim of name, date of birth and Outcome.Attribute.
	Body string
	// RetryAfter is the header of that name; "" if there is none.
	RetryAfter string
}

// ofFace is the answer of a face verification. The outcomes are true, false or null.
func ofFace(reason, nik, name, date, percentage string) Answer {
	const body = `{"verification_status":%t,"reason":"%s","result":{"nik":%s,"name":%s,"date_of_birth":%s,"face_image_percentage":%s}}`
	return Answer{Endpoint: httpapi.FaceVerificationPath, Status: 200, Body: fmt.Sprintf(body, reason == verified, reason, nik, name, date, percentage)}
}

// ofData is the answer of a data verification. further is what follows the date of birth.
func ofData(reason, nik, name, date, further string) Answer {
	const body = `{"verification_status":%t,"reason":"%s","result":{"nik":%s,"name":%s,"date_of_birth":%s%s}}`
	return Answer{Endpoint: httpapi.DataVerificationPath, Status: 200, Body: fmt.Sprintf(body, reason == verified, reason, nik, name, date, further)}
}

// ofMatch is the answer of a face match.
func ofMatch(status, percentage, words, code string) Answer {
	const body = `{"status":"%s","result":{"match_percentage":%s,"match_status":"%s","match_status_code":"%s"}}`
	return Answer{Endpoint: httpapi.FaceMatchPath, Status: 200, Body: fmt.Sprintf(body, status, percentage, words, code)}
}

// ofLiveness is the answer of passive liveness with a measurement, and unmeasured
// without one.
func ofLiveness(spoof, status string) Answer {
	const body = `{"status":"success","result":{"spoof_percentage":%s,"status":"%s"}}`
	return Answer{Endpoint: httpapi.PassiveLivenessPath, Status: 200, Body: fmt.Sprintf(body, spoof, status)}
}

func unmeasured(status string) Answer {
	return Answer{Endpoint: httpapi.PassiveLivenessPath, Status: 200, Body: `{"status":"failed","result":{"status":"` + status + `"}}`}
}

// refusal is the answer of an endpoint that cannot use a photograph, the field image.
// %s in the reason stands for that. measures are those that failed, as JSON.
func refusal(endpoint string, status int, reason, code, image, measures string) Answer {
	body := `{"verification_status":false,"reason":"` + strings.ReplaceAll(reason, "%s", image) + `","code":"` + code + `"`
	if measures != "" {
		body += `,"measures":[` + measures + `]`
	}
	if endpoint != httpapi.FaceVerificationPath {
		body += `,"image":"` + image + `"`
	}
	return Answer{Endpoint: endpoint, Status: status, Body: body + "}"}
}

// refusals are those of every endpoint that takes photographs.
func refusals(status int, reason, code, measures string) []Answer {
	return []Answer{
		refusal(httpapi.FaceVerificationPath, status, reason, code, "face_image", measures),
		refusal(httpapi.FaceMatchPath, status, reason, code, "captured_image", measures),
		refusal(httpapi.PassiveLivenessPath, status, reason, code, "image", measures),
	}
}

// everywhere is one answer of all endpoints.
func everywhere(status int, body, retryAfter string) []Answer {
	var all []Answer
	for _, endpoint := range Endpoints {
		all = append(all, Answer{endpoint, status, body, retryAfter})
	}
	return all
}

// noAnswer is what all endpoints answer that cannot.
func noAnswer(retryAfter string) []Answer {
	const start = `{"verification_status":false,"reason":"Something wrong in Dukcapil server"`
	all := everywhere(503, start+"}", retryAfter)
	all[0].Body = start + `,"result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`
	all[1].Body = start + `,"result":{"nik":null,"name":null,"date_of_birth":null}}`
	return all
}
