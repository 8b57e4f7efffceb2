package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// cron is a cron expression. A day is one of its days if both days and weekdays
// permit it. One of the two is "?" and permits all days.
type cron struct {
	minutes, hours, months, years set
	days                          daysOfMonth
	weekdays                      daysOfWeek
}

// parseCron parses the text between the parentheses: six fields, with spaces
// between them.
func parseCron(inner string) (*cron, error) {
	texts := strings.FieldsFunc(inner, func(r rune) bool { return r == ' ' })
	if len(texts) != len(fields) {
		var names []string
		for _, f := range fields {
			names = append(names, f.name)
		}
		return nil, fmt.Errorf("cron(…) must have six fields (%s), not %d", strings.Join(names, ", "), len(texts))
	}
	if (texts[2] == "?") == (texts[4] == "?") {
		return nil, errors.New(`exactly one of day-of-month and day-of-week must be "?"`)
	}
	var c cron
	var err [6]error
	c.minutes, err[0] = minuteField.parse(texts[0])
	c.hours, err[1] = hourField.parse(texts[1])
	c.days, err[2] = parseDaysOfMonth(texts[2])
	c.months, err[3] = monthField.parse(texts[3])
	c.weekdays, err[4] = parseDaysOfWeek(texts[4])
	c.years, err[5] = yearField.parse(texts[5])
	if err := errors.Join(err[:]...); err != nil {
		// Return only the first line, because the other mistakes may follow from it.
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(first)
	}
	if _, ok := c.next(time.Time{}); !ok {
		return nil, fmt.Errorf("cron(%s) never fires: that day never occurs in these months and years", inner)
	}
	return &c, nil
}

// next returns the first minute after the given time. It searches by year, month and
// day, because every day has the same minutes.
func (c *cron) next(after time.Time) (time.Time, bool) {
	from := after.Truncate(time.Minute).Add(time.Minute)
	if first := time.Date(yearField.least, 1, 1, 0, 0, 0, 0, time.UTC); from.Before(first) {
		from = first
	}
	for year := from.Year(); year <= yearField.most; year++ {
		if !c.years[year] {
			continue
		}
		for month := 1; month <= 12; month++ {
			if !c.months[month] || year == from.Year() && month < int(from.Month()) {
				continue
			}
			m := monthOf(year, time.Month(month))
			for day := 1; day <= m.days; day++ {
				if !c.days.has(m, day) || !c.weekdays.has(m, day) {
					continue
				}
				if at, ok := c.firstTimeOfDay(m, day, from); ok {
					return at, true
				}
			}
		}
	}
	return time.Time{}, false
}

// firstTimeOfDay returns the first minute of the day that is not before the given
// time.
func (c *cron) firstTimeOfDay(m month, day int, from time.Time) (time.Time, bool) {
	if end := time.Date(m.year, m.month, day+1, 0, 0, 0, 0, time.UTC); !from.Before(end) {
		return time.Time{}, false
	}
	for hour := hourField.least; hour <= hourField.most; hour++ {
		if !c.hours[hour] {
			continue
		}
		for minute := minuteField.least; minute <= minuteField.most; minute++ {
			at := time.Date(m.year, m.month, day, hour, minute, 0, 0, time.UTC)
			if c.minutes[minute] && !at.Before(from) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
