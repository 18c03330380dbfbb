// Package config reads configuration structs. The fields of such a struct
// are its keys: the yaml tag is the key's name, the range tag its permitted
// range, and the field's comment its documentation, from which
// docs/reference/configuration.md is generated. What a key means, and every
// check that involves more than one number, it leaves to the package that owns
// the struct.
package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Key is one key of a configuration.
type Key struct {
	// Name is the dotted name: face.workers.
	Name string
	// Struct and Field are the struct type and the Go name of the field.
	Struct reflect.Type
	Field  string
	// Min and Max are the ends of the permitted range, both included, as the
	// range tag has them; both are empty if there is none.
	Min, Max string

	value reflect.Value
}

// Keys lists the keys of a configuration, a pointer to a struct, in the order
// of its fields. Structs are descended into; an embedded struct with the tag
// yaml:",inline" adds its keys where it stands.
func Keys(c any) []Key {
	return keys(reflect.ValueOf(c).Elem(), "", "")
}

// keys lists the keys of v. rangeTag is the range of the fields that have no
// tag of their own.
func keys(v reflect.Value, prefix, rangeTag string) []Key {
	var list []Key
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		limits := rangeTag
		if tag, ok := field.Tag.Lookup("range"); ok {
			limits = tag
		}
		switch {
		case field.Type.Kind() == reflect.Struct && field.Anonymous:
			list = append(list, keys(v.Field(i), prefix, limits)...)
		case field.Type.Kind() == reflect.Struct:
			list = append(list, keys(v.Field(i), prefix+name+".", limits)...)
		default:
			low, high, _ := strings.Cut(limits, ",")
			list = append(list, Key{Name: prefix + name, Struct: v.Type(), Field: field.Name, Min: low, Max: high, value: v.Field(i)})
		}
	}
	return list
}

// Variable is the name of the key's environment variable: the prefix, and the
// key in capitals with _ for dots.
func (k Key) Variable(prefix string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// Value is the key's value.
func (k Key) Value() any { return k.value.Interface() }

// Set sets the key to a value in text. The key must not be a list. The error
// says what was found and what is needed, with an example.
func (k Key) Set(text string) error {
	if k.value.Type() == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return k.refuse(text)
		}
		k.value.SetInt(int64(d))
		return nil
	}
	switch k.value.Kind() {
	case reflect.String:
		k.value.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return k.refuse(text)
		}
		k.value.SetBool(b)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return k.refuse(text)
		}
		k.value.SetFloat(f)
	default: // int and int64
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return k.refuse(text)
		}
		k.value.SetInt(n)
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

// refuse says that what was found is not what the key needs, and gives an
// example: the value that the key has.
func (k Key) refuse(found string) error {
	text := fmt.Sprintf("%s is not %s", Quote(found), k.kind())
	if example := k.example(); example != "" {
		text += ", such as " + example
	}
	return errors.New(text)
}

// kind describes the values that the key can have.
func (k Key) kind() string {
	kind := "a text"
	switch {
	case k.value.Type() == durationType:
		kind = "a duration"
	case k.value.Kind() == reflect.Bool:
		return "true or false"
	case k.value.CanFloat():
		kind = "a number"
	case k.value.CanInt():
		kind = "a whole number"
	}
	if k.Min != "" || k.Max != "" {
		kind += fmt.Sprintf(" from %s to %s", k.Min, k.Max)
	}
	return kind
}

// example is a number or duration that the key can have: its own, unless that is
// 0, which often means "not set".
func (k Key) example() string {
	switch {
	case k.value.Type() == durationType && k.value.IsZero():
		return "30s"
	case (k.value.CanInt() || k.value.CanFloat()) && k.value.IsZero():
		return "1"
	case k.value.CanInt() || k.value.CanFloat():
		return fmt.Sprint(k.Value())
	default:
		return ""
	}
}

// CheckRanges reports every key that is out of its range. The error joins a Mistake
// for each.
func CheckRanges(c any) error {
	var errs []error
	for _, k := range Keys(c) {
		if err := k.checkRange(); err != nil {
			errs = append(errs, Mistake{Key: k.Name, What: err.Error()})
		}
	}
	return errors.Join(errs...)
}

func (k Key) checkRange() error {
	if k.Min == "" && k.Max == "" {
		return nil
	}
	low, err1 := k.bound(k.Min)
	high, err2 := k.bound(k.Max)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("its range is not one: %w", err)
	}
	var v float64
	switch {
	case k.value.CanInt(): // time.Duration, too
		v = float64(k.value.Int())
	default:
		v = k.value.Float()
	}
	if !(v >= low && v <= high) { // a NaN is neither
		return fmt.Errorf("%v is not %s, such as %s", k.Value(), k.kind(), k.Min)
	}
	return nil
}

// bound reads one end of the range.
func (k Key) bound(text string) (float64, error) {
	if k.value.Type() == durationType {
		d, err := time.ParseDuration(text)
		return float64(d), err
	}
	return strconv.ParseFloat(text, 64)
}
