package main

import "testing"

func TestShare(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0 %", 1: "100 %", 0.999: "100 %", 0.0996: "10 %", 0.00996: "1.0 %", 0.01: "1.0 %", 0.025: "2.5 %",
		0.000123: "0.012 %", 1e-6: "0.00010 %", 9.27e-8: "0.0000093 %", 0.12: "12 %",
	} {
		if got := share(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 10791956: "10,791,956"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	if got := printable("a\x1b[31m\nb"); got != "a?[31m?b" {
		t.Errorf("printed %q", got)
	}
}
