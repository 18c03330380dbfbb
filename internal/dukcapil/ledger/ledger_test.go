package ledger_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func day(t testing.TB, text string) ledger.Day {
	t.Helper()
	d, err := ledger.ParseDay(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDays: they begin at 17:00 UTC of the day before, whatever zone the moment
// is told in.
func TestDays(t *testing.T) {
	for moment, want := range map[string]string{
		"2026-11-22T16:59:59.999999Z": "2026-11-22",
		"2026-11-22T17:00:00Z":        "2026-11-23",
		"2026-11-23T00:00:00+07:00":   "2026-11-23",
		"2026-11-23T01:59:59+09:00":   "2026-11-22",
		"2026-12-31T17:00:00Z":        "2027-01-01",
		"2024-02-29T12:00:00Z":        "2024-02-29",
		"1970-01-01T00:00:00Z":        "1970-01-01",
		"1969-12-31T16:59:59Z":        "1969-12-31",
	} {
		if got := ledger.DayOf(at(t, moment)).String(); got != want {
			t.Errorf("%s is on %s, want %s", moment, got, want)
		}
	}
	for _, bad := range []string{"", "2026-11-31", "2026-1-1", "01-11-2026", "2026-11-01 ", "2026-11-01T00:00:00Z"} {
		if d, err := ledger.ParseDay(bad); err == nil {
			t.Errorf("%q is read as %v", bad, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		moment := time.Unix(rapid.Int64Range(-1<<32, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		d := ledger.DayOf(moment)
		if moment.Before(d.Start()) || !moment.Before((d + 1).Start()) {
			t.Errorf("%v is not within %v", moment, d)
		}
		b, err := json.Marshal(d)
		var read ledger.Day
		if err != nil || json.Unmarshal(b, &read) != nil || read != d {
			t.Errorf("%v is read as %v", d, read)
		}
	})
}

func TestPrices(t *testing.T) {
	p, err := ledger.ParsePrices("2023-01-01 data_check=1000 face_check=3000, 2026-07-01 face_check=3300  data_check=1100")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		moment     string
		data, face int64
	}{
		{"2022-12-31T16:59:59Z", 0, 0},
		{"2022-12-31T17:00:00Z", 1000, 3000},
		{"2026-06-30T16:59:59Z", 1000, 3000},
		{"2026-06-30T17:00:00Z", 1100, 3300},
		{"2099-01-01T00:00:00Z", 1100, 3300},
	} {
		moment := at(t, test.moment)
		if data, face := p.At(ledger.DataCheck, moment), p.At(ledger.FaceCheck, moment); data != test.data || face != test.face {
			t.Errorf("%s: %d and %d rupiah, want %d and %d", test.moment, data, face, test.data, test.face)
		}
		if err := p.Cover(moment); (err == nil) != (test.data > 0) {
			t.Errorf("%s: Cover = %v", test.moment, err)
		}
	}
	if err := (ledger.Prices{}).Cover(time.Now()); err == nil {
		t.Error("no prices cover today")
	}
	if p, err = ledger.ParsePrices(ledger.DefaultPrices); err != nil || p.At(ledger.DataCheck, at(t, "2026-01-01T00:00:00Z")) != 1000 {
		t.Errorf("the default: %v", err)
	}
	if p, err = ledger.ParsePrices("2023-01-01 data_check=0 face_check=0"); err != nil || p.Cover(time.Now()) != nil {
		t.Errorf("free of charge: %v", err)
	}
}

func TestPricesAreStrict(t *testing.T) {
	const good = "2023-01-01 data_check=1000 face_check=3000"
	for text, says := range map[string]string{
		"":                                                        "entry 1 of the prices: it is empty",
		good + ",":                                                "entry 2 of the prices: it is empty",
		"2023-13-01 data_check=1 face_check=1":                    "a day such as",
		"data_check=1000 face_check=3000":                         "a day such as",
		"2023-01-01":                                              "data_check has no price",
		"2023-01-01 data_check=1000":                              "face_check has no price",
		good + " iris_check=5":                                    `"iris_check=5" is not the price`,
		good + " 2026-01-01":                                      `"2026-01-01" is not the price`,
		good + " data_check=1":                                    "data_check is priced twice",
		"2023-01-01 data_check=-1 face_check=1":                   "price of data_check",
		"2023-01-01 data_check=1.5 face_check=1":                  "price of data_check",
		"2023-01-01 data_check=1e3 face_check=1":                  "price of data_check",
		"2023-01-01 data_check=+1 face_check=1":                   "price of data_check",
		"2023-01-01 data_check=01 face_check=1":                   "price of data_check",
		"2023-01-01 data_check= face_check=1":                     "price of data_check",
		"2023-01-01 data_check=1 face_check=1000000001":           "price of face_check",
		"2023-01-01 data_check=1 face_check=99999999999999999999": "price of face_check",
		good + ", " + good:                                        "entry 2 of the prices: it is not after 2023-01-01",
		good + ", 2022-01-01 data_check=1 face_check=1":           "it is not after 2023-01-01",
		good + "; 2024-01-01 data_check=1 face_check=1":           "price",
	} {
		if _, err := ledger.ParsePrices(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", text, err, says)
		}
	}
}

func FuzzParsePrices(f *testing.F) {
	f.Add(ledger.DefaultPrices)
	f.Add("2023-01-01 data_check=1000 face_check=3000, 2026-07-01 data_check=1100 face_check=3300")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ledger.ParsePrices(text)
		if err != nil {
			return
		}
		far := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
		for _, s := range []ledger.Service{ledger.DataCheck, ledger.FaceCheck} {
			if price := p.At(s, far); price < 0 || price > 1_000_000_000 {
				t.Errorf("%s costs %d", s, price)
			}
		}
		if p.Cover(far) != nil {
			t.Error("the table covers nothing")
		}
	})
}

func TestTotal(t *testing.T) {
	a := ledger.Counts{Calls: 6, Billed: 3, Unknown: 2, Failed: 1, Rupiah: 3000, RupiahAtMost: 5000}
	got := ledger.Total([]ledger.Usage{{Counts: a}, {Client: "cli_b", Counts: a}, {}})
	want := ledger.Counts{Calls: 12, Billed: 6, Unknown: 4, Failed: 2, Rupiah: 6000, RupiahAtMost: 10000}
	if got != want {
		t.Errorf("Total = %+v", got)
	}
}

func TestForecast(t *testing.T) {
	now := at(t, "2026-11-23T12:00:00+07:00")
	since := func(d time.Duration, calls int64) ledger.Today { return ledger.Today{Calls: calls, First: now.Add(-d)} }
	for _, test := range []struct {
		name  string
		left  int64
		today ledger.Today
		in    time.Duration // -1: none
	}{
		{"one a second", 600, since(time.Hour, 3600), 10 * time.Minute},
		{"used up", 0, since(time.Hour, 3600), 0},
		{"used up without a call", -5, ledger.Today{}, 0},
		{"no call yet", 10, ledger.Today{}, -1},
		{"until midnight exactly", 12 * 3600, since(time.Hour, 3600), -1},
		{"a second less", 12*3600 - 1, since(time.Hour, 3600), 12*time.Hour - time.Second},
		{"the first seconds count as a minute", 60, since(time.Second, 60), time.Minute},
		{"a first call that is to come", 60, since(-time.Hour, 60), time.Minute},
		{"more than can be counted", math.MaxInt64, since(time.Hour, 1), -1},
	} {
		ends, ok := ledger.Forecast(test.left, test.today, now)
		if ok != (test.in >= 0) || ok && ends.Sub(now).Round(time.Millisecond) != test.in {
			t.Errorf("%s: %v, %v", test.name, ends, ok)
		}
	}
}

func TestHalfYears(t *testing.T) {
	for text, want := range map[string][2]string{
		"2026H1": {"2026-01-01", "2026-06-30"}, "2026H2": {"2026-07-01", "2026-12-31"}, "2024H1": {"2024-01-01", "2024-06-30"},
	} {
		h, err := ledger.ParseHalfYear(text)
		first, last := h.Days()
		if got := [2]string{first.String(), last.String()}; err != nil || got != want || h.String() != text {
			t.Errorf("%s is %v from %v, %v", text, h, got, err)
		}
	}
	for _, bad := range []string{"", "2026", "2026H3", "2026H0", "2026h1", "26H1", "+026H1", "2026H12", "1969H2"} {
		if h, err := ledger.ParseHalfYear(bad); err == nil {
			t.Errorf("%q is read as %v", bad, h)
		}
	}
}

// TestReport: everything is in the month of its day, and what is of another
// half-year in none.
func TestReport(t *testing.T) {
	h, err := ledger.ParseHalfYear("2026H2")
	if err != nil {
		t.Fatal(err)
	}
	now := at(t, "2026-12-02T00:00:00Z")
	used := func(d string, s ledger.Service, c ledger.Counts) ledger.Usage {
		return ledger.Usage{Day: day(t, d), Client: "cli_a", Service: s, Counts: c}
	}
	got := ledger.NewReport(h, []ledger.Usage{
		used("2026-06-30", ledger.DataCheck, ledger.Counts{Calls: 100, Rupiah: 100}),
		used("2026-07-01", ledger.DataCheck, ledger.Counts{Calls: 2, Billed: 1, Unknown: 1, Rupiah: 1000, RupiahAtMost: 2000}),
		used("2026-07-31", ledger.FaceCheck, ledger.Counts{Calls: 1, Billed: 1, Rupiah: 3000, RupiahAtMost: 3000}),
		used("2026-12-31", ledger.DataCheck, ledger.Counts{Calls: 5}),
		used("2027-01-01", ledger.DataCheck, ledger.Counts{Calls: 100}),
	}, []ledger.Verdicts{
		{Day: day(t, "2026-07-31"), Given: 3, Verified: 2},
		{Day: day(t, "2026-08-01"), Given: 1, Verified: 1},
		{Day: day(t, "2025-07-31"), Given: 50, Verified: 50},
	}, []ledger.Outbox{
		{Day: day(t, "2026-07-31"), Total: 2, Delivered: 1, Oldest: now.Add(-25*time.Hour - time.Minute)},
		{Day: day(t, "2026-07-30"), Total: 1, Delivered: 0, Oldest: now.Add(-49 * time.Hour)},
		{Day: day(t, "2026-08-01"), Total: 1, Delivered: 1},
		{Day: day(t, "2027-01-01"), Total: 9, Delivered: 0, Oldest: now},
	}, now)

	hours := int64(49)
	want := ledger.Report{HalfYear: h, Months: []ledger.Month{
		{
			Month: "2026-07", Verifications: 3, Verified: 2, DataChecks: 2, FaceChecks: 1, Unknown: 1, Rupiah: 4000, RupiahAtMost: 5000,
			Total: 3, Delivered: 1, Pending: 2, OldestHours: &hours,
		},
		{Month: "2026-08", Verifications: 1, Verified: 1, Total: 1, Delivered: 1},
		{Month: "2026-09"},
		{Month: "2026-10"},
		{Month: "2026-11"},
		{Month: "2026-12", DataChecks: 5},
	}, Total: ledger.Month{
		Verifications: 4, Verified: 3, DataChecks: 7, FaceChecks: 1, Unknown: 1, Rupiah: 4000, RupiahAtMost: 5000,
		Total: 4, Delivered: 2, Pending: 2, OldestHours: &hours,
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ledger.HalfYear{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
