package host_test

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/adapters/host"
)

type settings struct {
	Table      string          `env:"ELEVATOR_TABLE,required"`
	URL        string          `env:"ELEVATOR_URL,default=https://a.example/,x"`
	SendDM     bool            `env:"ELEVATOR_SEND_DM,default=true"`
	Expires    time.Duration   `env:"ELEVATOR_EXPIRES"`
	Multiplier float64         `env:"ELEVATOR_MULTIPLIER,default=2"`
	Rounds     int             `env:"ELEVATOR_ROUNDS,default=7"`
	Level      slog.Level      `env:"ELEVATOR_LEVEL"`
	Domains    []string        `env:"ELEVATOR_DOMAINS"`
	Durations  []time.Duration `env:"ELEVATOR_DURATIONS,required"`
	Untagged   string
}

func lookup(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		vars map[string]string
		want settings
	}{
		{
			name: "defaults",
			vars: map[string]string{"ELEVATOR_TABLE": "t", "ELEVATOR_DURATIONS": "60", "ELEVATOR_SEND_DM": ""},
			want: settings{Table: "t", URL: "https://a.example/,x", SendDM: true, Multiplier: 2, Rounds: 7,
				Durations: []time.Duration{time.Minute}},
		},
		{
			name: "everything set",
			vars: map[string]string{"ELEVATOR_TABLE": "t", "ELEVATOR_URL": "u", "ELEVATOR_SEND_DM": "false", "ELEVATOR_EXPIRES": "28800",
				"ELEVATOR_MULTIPLIER": "1.5", "ELEVATOR_ROUNDS": "3", "ELEVATOR_LEVEL": "WARN",
				"ELEVATOR_DOMAINS": "a.example, b.example,", "ELEVATOR_DURATIONS": "60,90"},
			want: settings{Table: "t", URL: "u", Expires: 8 * time.Hour, Multiplier: 1.5, Rounds: 3, Level: slog.LevelWarn,
				Domains: []string{"a.example", "b.example"}, Durations: []time.Duration{time.Minute, 90 * time.Second}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got settings
			if err := host.ReadSettings(&got, lookup(test.vars)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestReadReportsEveryMistakeWithoutValues(t *testing.T) {
	var got settings
	err := host.ReadSettings(&got, lookup(map[string]string{
		"ELEVATOR_SEND_DM": "perhaps", "ELEVATOR_EXPIRES": "-1", "ELEVATOR_MULTIPLIER": "two", "ELEVATOR_ROUNDS": "1.5",
		"ELEVATOR_LEVEL": "LOUD", "ELEVATOR_DURATIONS": "60,1h",
	}))
	want := `ELEVATOR_TABLE is not set
ELEVATOR_SEND_DM: must be true or false
ELEVATOR_EXPIRES: must be a whole number of seconds, 0 or more
ELEVATOR_MULTIPLIER: must be a number
ELEVATOR_ROUNDS: must be a whole number
ELEVATOR_LEVEL: must be DEBUG, INFO, WARN or ERROR
ELEVATOR_DURATIONS: must be a whole number of seconds, 0 or more`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if strings.Contains(err.Error(), "perhaps") {
		t.Error("the error repeats a value")
	}
}
