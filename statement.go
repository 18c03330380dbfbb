package sesuai

import "time"

// Statement is what the signature of an answer covers besides the body. Its JSON keys
// are those of the protected header of the signature. What does not apply to an answer
// is empty, and then not in the header.
type Statement struct {
	// RequestID is the Request-Id of the answer.
	RequestID string `json:"request_id"`
	// Endpoint is face_verification, data_verification, face_match or
	// passive_liveness.
	Endpoint string `json:"endpoint"`
	// Status is the HTTP status of the answer.
	Status int `json:"status"`
	// Time is when the verification started, in UTC and microseconds.
	Time time.Time `json:"time"`
	// Client is the ID of the client that asked.
	Client string `json:"client"`
	// Threshold is what the percentage was compared with: 0 to 100, or, of passive
	// liveness, the minimum liveness, 0 to 1.
	Threshold float64 `json:"threshold,omitzero"`
	// Model made the templates that were compared, and Calibration gave the percentage.
	Model       string `json:"model,omitempty"`
	Calibration string `json:"calibration,omitempty"`
	// Images has the SHA-256 of each image, in hexadecimal, by the name of its field.
	// It is that of the file: an image that was sent as base64 is decoded first.
	Images map[string]string `json:"images,omitempty"`
	// Sandbox is true if the answer is that of a sandbox. It says nothing about a person.
	Sandbox bool `json:"sandbox,omitempty"`
}
