package sesuai_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
)

// The texts that no output may contain.
const (
	privateNIK  = "3171010101900001"
	privateName = "Sari Contoh"
	privateDate = "17-08-1945"
	privateText = "Jalan Uji Nomor 7"
)

// privateValues returns a value of each private type, and types that hold
// such values.
func privateValues(t *testing.T) map[string]any {
	t.Helper()
	nik, err1 := sesuai.ParseNIK(privateNIK)
	name, err2 := sesuai.ParseName(privateName)
	date, err3 := sesuai.ParseDate(privateDate, noon)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	claim := sesuai.Claim{NIK: nik, Name: name, DateOfBirth: date}
	text := sesuai.NewText(privateText)
	return map[string]any{
		"NIK": nik, "Name": name, "Date": date, "Text": text,
		"*NIK": &nik, "*Text": &text,
		"Claim": claim, "*Claim": &claim,
		"[]NIK":          []sesuai.NIK{nik},
		"map to Text":    map[sesuai.Attribute]sesuai.Text{sesuai.Address: text},
		"exported field": struct{ Of sesuai.Claim }{claim},
		"hidden field":   struct{ of sesuai.Claim }{claim},
		"hidden fields":  &struct{ of map[string]*sesuai.NIK }{map[string]*sesuai.NIK{"": &nik}},
		"any":            []any{nik, name, date, text},
	}
}

// checkHidden fails if printed contains one of the texts, plain, in
// hexadecimal or as byte values.
func checkHidden(t *testing.T, how, printed string) {
	t.Helper()
	for _, secret := range []string{privateNIK, privateName, privateDate, privateText} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret), fmt.Sprintf("%d", []byte(secret))} {
			if strings.Contains(printed, form) {
				t.Errorf("%s shows it: %s", how, printed)
			}
		}
	}
}

// TestPrivateFmt tries every verb with every flag.
func TestPrivateFmt(t *testing.T) {
	verbs := "vTtbcdoOxXUeEfFgGsqp"
	for about, value := range privateValues(t) {
		for _, verb := range verbs {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "40", ".99", "+#"} {
				format := "%" + flags + string(verb)
				checkHidden(t, about+" with "+format, fmt.Sprintf(format, value))
			}
		}
		checkHidden(t, about+" with Sprint", fmt.Sprint(value))
		checkHidden(t, about+" with Sprintln", fmt.Sprintln(value))
		checkHidden(t, about+" in an error", fmt.Errorf("of %v", value).Error())
	}
	if got := fmt.Sprintf("%s", privateValues(t)["NIK"]); got != "[redacted]" {
		t.Errorf("got %q", got)
	}
}

// TestPrivateLog tries both of slog's handlers.
func TestPrivateLog(t *testing.T) {
	for about, value := range privateValues(t) {
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			log := slog.New(h)
			log.Info("of", "value", value)
			log.With("value", value).Info("of")
			log.Info("of", slog.Group("group", "value", value))
		}
		checkHidden(t, about+" with slog", b.String())
	}
}

// TestPrivateEncoding tries encoders that use reflection.
func TestPrivateEncoding(t *testing.T) {
	for about, value := range privateValues(t) {
		j, err := json.Marshal(value)
		if err == nil {
			checkHidden(t, about+" with JSON", string(j))
		}
		x, err := xml.Marshal(value)
		if err == nil {
			checkHidden(t, about+" with XML", string(x))
		}
	}
}

// Most code only compares values and asks whether one is present.
func TestPrivateValues(t *testing.T) {
	a, _ := sesuai.ParseNIK(privateNIK)
	b, _ := sesuai.ParseNIK(privateNIK)
	c, _ := sesuai.ParseNIK("9999010101900001")
	if !a.Equal(b) || a.Equal(c) || a.Equal(sesuai.NIK{}) || !(sesuai.NIK{}).Equal(sesuai.NIK{}) {
		t.Error("Equal does not compare NIKs")
	}
	if a.IsZero() || !(sesuai.NIK{}).IsZero() || !sesuai.NewText("").IsZero() {
		t.Error("IsZero does not tell a value from none")
	}
	if got := sesuai.NewText(privateText).Reveal(); got != privateText {
		t.Errorf("Reveal gives %q", got)
	}
}
