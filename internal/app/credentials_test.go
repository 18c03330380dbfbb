package app_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/test/process"
)

// TestWrongCredentials: many wrong credentials from one address are refused, each
// is counted, few are logged, and a client at the same address that calls for the
// first time gets in.
func TestWrongCredentials(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	c := config(t)
	c.Admin.Listen = freeAddress(t)
	s := start(t, c)
	send := func(who access.Revealed) (status int, body string) {
		r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, "application/json", []byte("{}"))
		r.SetBasicAuth(who.Username, who.Password)
		r.Header.Set("X-Api-Key", who.APIKey)
		return s.do(t, r)
	}
	const callers, each = 100, 5
	var mu sync.Mutex
	statuses := make(map[int]int)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			for i := range each {
				status, body := send(access.Revealed{Username: fmt.Sprint("usr_", n, "_", i), Password: "pwd_x", APIKey: "key_x"})
				if status == 401 && body != disallowed || status == 429 && body != `{"error":"Rate limit exceeded"}` {
					t.Errorf("%d %s", status, body)
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	// 100 at once, and more while the requests are sent.
	if statuses[401] < 100 || statuses[429] == 0 || statuses[401]+statuses[429] != callers*each {
		t.Errorf("statuses: %v", statuses)
	}
	if status, body := send(s.who); status != 400 || !strings.Contains(body, "Invalid NIK number format") {
		t.Errorf("a client at the same address: %d %s", status, body)
	}

	_, metrics := s.adminPage(t, "/metrics")
	counted := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^sesuai_authentication_failures_total\{reason="(\w+)"\} (\d+)$`).FindAllStringSubmatch(metrics, -1) {
		counted[m[1]], _ = strconv.Atoi(m[2])
	}
	want := make(map[string]int)
	for _, f := range access.Failures {
		want[string(f)] = 0 // from the start
	}
	want["unknown"], want["throttled"] = statuses[401], statuses[429]
	if fmt.Sprint(counted) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
	// Five lines of each kind a second, however long the requests took.
	if n := strings.Count(s.log.String(), `"msg":"request"`); n > callers*each/2 {
		t.Errorf("%d lines about %d requests", n, callers*each)
	}
	if strings.Contains(s.log.String(), "usr_") {
		t.Error("the log has a user name")
	}
}
