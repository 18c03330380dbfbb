package client

import (
	"fmt"
	"strings"
)

// keyNames are the names that agreements have for the keys of requests and
// answers, by our words for them.
type keyNames map[string]string

// parseKeys reads renamings such as "threshold=THRESHOLD name=NAMA" over the
// defaults. What is not renamed keeps its name; no two keys have one name.
func parseKeys(text string, defaults keyNames) (keyNames, error) {
	names := make(keyNames, len(defaults))
	for word, name := range defaults {
		names[word] = name
	}
	seen := make(map[string]bool)
	for _, field := range strings.Fields(text) {
		word, name, ok := strings.Cut(field, "=")
		if _, known := defaults[word]; !ok || name == "" || !known {
			return nil, fmt.Errorf("%q is not a key that there is and its name", field)
		}
		if seen[word] {
			return nil, fmt.Errorf("%q: the key is there twice", field)
		}
		seen[word] = true
		names[word] = name
	}
	used := make(map[string]string)
	for word, name := range names {
		if other, twice := used[name]; twice {
			return nil, fmt.Errorf("%s and %s have one name", min(word, other), max(word, other))
		}
		used[name] = word
	}
	return names, nil
}

// dataKeys are the data check's. What is asked and what is answered about an
// element has one name.
var dataKeys = keyNames{
	"user": "USER_ID", "password": "PASSWORD", "ip": "IP_USER", "threshold": "TRESHOLD",
	"nik": "NIK", "name": "NAMA_LGKP", "date": "TGL_LHR",
	"content": "content", "code": "RESPONSE_CODE", "text": "RESPON", "description": "RESPONSE_DESC", "response": "RESPONSE",
	"quota": "quotaLimiter",

	"no_kk": "NO_KK", "mother_maiden_name": "NAMA_LGKP_IBU", "place_of_birth": "TMPT_LHR", "address": "ALAMAT", "gender": "JENIS_KLMIN",
	"marital_status": "STATUS_KAWIN", "job_type": "JENIS_PKRJN", "rt": "NO_RT", "rw": "NO_RW",
	"province": "PROP_NAME", "city": "KAB_NAME", "district": "KEC_NAME", "subdistrict": "KEL_NAME",
	"province_code": "NO_PROP", "city_code": "NO_KAB", "district_code": "NO_KEC", "subdistrict_code": "NO_KEL",
}

// faceKeys are the face check's. The transaction's has one name in both
// directions.
var faceKeys = keyNames{
	"transaction": "transactionId", "source": "transactionSource", "customer": "customer_id", "nik": "nik", "threshold": "threshold",
	"image": "image", "template": "template", "type": "type", "position": "position", "user": "user_id", "password": "password", "ip": "ip",
	"error": "error", "code": "errorCode", "status": "httpResponseCode", "score": "matchScore", "quota": "quotaLimiter",
	"uid": "uid", "result": "verificationResult",
}
