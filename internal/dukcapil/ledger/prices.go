package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultPrices are Dukcapil's known prices: prepaid since 2023, in rupiah for
// each call.
const DefaultPrices = "2023-01-01 data_check=1000 face_check=3000"

// services are those that have a price.
var services = []Service{DataCheck, FaceCheck}

// Prices is a table of the prices of calls, in rupiah, by the day of the call. The
// zero Prices is empty.
type Prices struct{ from []pricesFrom }

// pricesFrom are the prices in force from a day until the next entry.
type pricesFrom struct {
	day    Day
	rupiah map[Service]int64
}

// ParsePrices reads a table of prices:
//
//	2023-01-01 data_check=1000 face_check=3000, 2026-07-01 data_check=1100 face_check=3300
//
// Each entry is the day from which it is in force, in Jakarta, and a price for
// every service, in whole rupiah; the entries are in the order of their days.
// The error says which entry is wrong and why.
func ParsePrices(text string) (Prices, error) {
	var p Prices
	for i, entry := range strings.Split(text, ",") {
		from, err := parsePricesFrom(entry)
		if err == nil && i > 0 && from.day <= p.from[i-1].day {
			err = fmt.Errorf("it is not after %v", p.from[i-1].day)
		}
		if err != nil {
			return Prices{}, fmt.Errorf("entry %d of the prices: %w", i+1, err)
		}
		p.from = append(p.from, from)
	}
	return p, nil
}

func parsePricesFrom(entry string) (pricesFrom, error) {
	fields := strings.Fields(entry)
	if len(fields) == 0 {
		return pricesFrom{}, errors.New("it is empty")
	}
	day, err := ParseDay(fields[0])
	if err != nil {
		return pricesFrom{}, err
	}
	from := pricesFrom{day, make(map[Service]int64)}
	for _, field := range fields[1:] {
		name, amount, ok := strings.Cut(field, "=")
		service := Service(name)
		if !ok || !slices.Contains(services, service) {
			return pricesFrom{}, fmt.Errorf("%q is not the price of a service, such as data_check=1000", field)
		}
		if _, twice := from.rupiah[service]; twice {
			return pricesFrom{}, fmt.Errorf("%s is priced twice", service)
		}
		rupiah, err := strconv.ParseInt(amount, 10, 64)
		if err != nil || rupiah < 0 || rupiah > maxPrice || strconv.FormatInt(rupiah, 10) != amount {
			return pricesFrom{}, fmt.Errorf("the price of %s is not a whole number of rupiah from 0 to %d", service, int64(maxPrice))
		}
		from.rupiah[service] = rupiah
	}
	for _, service := range services {
		if _, ok := from.rupiah[service]; !ok {
			return pricesFrom{}, fmt.Errorf("%s has no price", service)
		}
	}
	return from, nil
}

// maxPrice is the maximum price of a call, in rupiah. The sum of 10^9 such calls
// fits an int64.
const maxPrice = 1_000_000_000

// At returns the price of a call that is made at time t. It is 0 before the first
// day of the table: an unknown price does not prevent an answer. Check with Cover
// at the start that there is a price.
func (p Prices) At(s Service, t time.Time) int64 {
	day := DayOf(t)
	for _, from := range slices.Backward(p.from) {
		if from.day <= day {
			return from.rupiah[s]
		}
	}
	return 0
}

// Cover returns an error if the table has no price on the day of t.
func (p Prices) Cover(t time.Time) error {
	switch {
	case len(p.from) == 0:
		return errors.New("there are no prices")
	case DayOf(t) < p.from[0].day:
		return fmt.Errorf("the prices begin on %v, and today is %v", p.from[0].day, DayOf(t))
	default:
		return nil
	}
}
