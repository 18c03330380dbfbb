package console_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func filesOf(pattern string) ([]string, error) {
	all, err := filepath.Glob(pattern)
	var files []string
	for _, f := range all {
		if !strings.HasSuffix(f, "_test.go") {
			files = append(files, f)
		}
	}
	return files, err
}

// TestForgedForms: a form that another page sends changes nothing, with the cookie of an
// admin.
func TestForgedForms(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	other := w.signIn(t, "auditor")
	token := b.token
	for what, change := range map[string]func(h http.Header){
		"another origin": func(h http.Header) {
			h["Sec-Fetch-Site"], h["Origin"] = []string{"cross-site"}, []string{"https://attacker.example"}
		},
		"another port": func(h http.Header) {
			h["Sec-Fetch-Site"], h["Origin"] = []string{"same-site"}, []string{"http://127.0.0.1:9999"}
		},
		"an old browser":          func(h http.Header) { h["Sec-Fetch-Site"], h["Origin"] = nil, []string{"https://attacker.example"} },
		"a sandboxed frame":       func(h http.Header) { h["Sec-Fetch-Site"], h["Origin"] = nil, []string{"null"} },
		"nowhere":                 func(h http.Header) { h["Sec-Fetch-Site"], h["Origin"] = nil, nil },
		"a form of another kind":  func(h http.Header) { h["Content-Type"] = []string{"text/plain"} },
		"a form with its own enc": func(h http.Header) { h["Content-Type"] = []string{"multipart/form-data; boundary=x"} },
	} {
		b.header = make(http.Header)
		change(b.header)
		for _, path := range []string{"/clients/cli_bank/disable", "/signin", "/signout"} {
			if page := b.post(path, nil); page.status != 403 && page.status != 415 {
				t.Errorf("a form from %s to %s: %d", what, path, page.status)
			}
		}
	}
	b.header = nil
	for what, forged := range map[string]string{"none": "", "that of another session": other.token, "a part": token[:10]} {
		b.token = forged
		if page := b.post("/clients/cli_bank/disable", nil); page.status != 403 {
			t.Errorf("a form whose token is %s: %d", what, page.status)
		}
	}
	all, err := w.clients.ListClients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.ID == "cli_bank" && c.Disabled {
			t.Error("a forged form has disabled the client")
		}
	}
	b.token = token
	if page := b.post("/clients/cli_bank/disable", nil); page.status != 200 {
		t.Errorf("the right form: %d", page.status)
	}
	if page := b.post("/verifications", url.Values{"reason": {strings.Repeat("x", 20_000)}}); page.status != 400 {
		t.Errorf("a form of 20 kB: %d", page.status)
	}
}

// TestStoredMarkup: what others have named or sent is shown as text.
func TestStoredMarkup(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	b.header = http.Header{"User-Agent": {hostile}, "Referer": {hostile}, "Accept-Language": {hostile}}
	escaped := "&lt;script&gt;alert(1)&lt;/script&gt;"
	for _, path := range []string{"/verifications", "/clients", "/clients/cli_bank", "/clients/cli_shop", "/audit"} {
		page := b.get(path)
		assertHeaders(t, path, page)
		if path != "/audit" && !strings.Contains(page.text, escaped) {
			t.Errorf("%s does not have the text: the test shows nothing", path)
		}
	}
	page := b.post("/verifications", url.Values{"id": {hostile}, "reason": {hostile}, "client": {hostile}})
	assertHeaders(t, "a search", page)
	for _, name := range []string{hostile, "admin" + hostile} {
		page := b.post("/signin", url.Values{"name": {name}, "password": {hostile}, "code": {hostile}})
		assertHeaders(t, "signing in", page)
		if strings.Contains(page.text, "alert(1)") {
			t.Error("the page repeats what was entered")
		}
	}
}

// TestSessionFixation: an id that a browser had before signing in, or that somebody else
// has set, is no session afterwards.
func TestSessionFixation(t *testing.T) {
	w := open(t)
	for what, before := range map[string]string{"set by another": "AAAAAAAAAAAAAAAAAAAAAAAAAA", "of an earlier sign-in": w.signIn(t, "admin").cookie} {
		w.pass(time.Minute)
		b := w.browser()
		b.cookie = before
		if page := b.post("/signin", w.fields(t, "auditor")); page.status != 303 || b.cookie == before {
			t.Errorf("signing in with an id %s: %d", what, page.status)
		}
		old := w.browser()
		old.cookie = before
		if page := old.get("/verifications"); page.status != 303 {
			t.Errorf("the id %s is a session: %d", what, page.status)
		}
	}
	b := w.signIn(t, "admin")
	id := b.cookie
	if page := b.post("/signout", nil); page.status != 303 || b.cookie != "" {
		t.Errorf("signing out: %d", page.status)
	}
	b.cookie = id
	if page := b.get("/verifications"); page.status != 303 {
		t.Errorf("the session goes on after signing out: %d", page.status)
	}
}

// TestDisabledElsewhere: a session ends with the next request once its operator is
// disabled by another process.
func TestDisabledElsewhere(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	if _, err := w.operators.SetDisabled(t.Context(), "admin", true); err != nil {
		t.Fatal(err)
	}
	if page := b.get("/verifications"); page.status != 303 {
		t.Errorf("who is disabled sees a page: %d", page.status)
	}
	if page := b.post("/clients/cli_bank/disable", nil); page.status != 303 {
		t.Errorf("who is disabled changes a client: %d", page.status)
	}
}

// TestCodeAgain: a code is accepted once, whichever page it is sent to.
func TestCodeAgain(t *testing.T) {
	w := open(t)
	w.pass(time.Minute)
	fields := w.fields(t, "admin")
	if page := w.browser().post("/signin", fields); page.status != 303 {
		t.Fatal(page.status)
	}
	for range 2 {
		if page := w.browser().post("/signin", fields); page.status != 401 {
			t.Errorf("the code once more: %d", page.status)
		}
	}
}

// TestSpraying: who tries one password with many names is told to wait, and is not told
// which names there are. Others sign in meanwhile.
func TestSpraying(t *testing.T) {
	w := open(t)
	b := w.browser()
	b.from = netip.MustParseAddr("203.0.113.7")
	var last answer
	tries := 0
	for ; tries < 100 && last.status != 429; tries++ {
		name := "admin"
		if tries%2 == 0 {
			name = "name" + strings.Repeat("x", tries%30)
		}
		last = b.post("/signin", url.Values{"name": {name}, "password": {password + "!"}, "code": {"123456"}})
		if last.status == 401 && !strings.Contains(last.text, "Not accepted. Name, password or code is wrong") {
			t.Errorf("%s is refused with %s", name, last.text)
		}
	}
	if tries > 25 || last.header.Get("Retry-After") == "" {
		t.Errorf("after %d attempts %d, Retry-After %q", tries, last.status, last.header.Get("Retry-After"))
	}
	w.signIn(t, "auditor")
}
